"""What scripts/throughput.py is made of: a clock, figures, what is measured, and one module a part."""
