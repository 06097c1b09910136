"""Pictures of many prompts on the program's engine: ``python -m bdia_edm.generate``."""
