"""A run: from options to its record."""
