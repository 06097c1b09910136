"""What scripts/fuzz.py is made of: readers with their inputs, ways to damage these, a process to read them in."""
