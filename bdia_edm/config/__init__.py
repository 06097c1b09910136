"""Options: cards, the command line, what a run is asked for."""
