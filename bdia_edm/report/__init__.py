"""Records, tables, plots and pictures."""
