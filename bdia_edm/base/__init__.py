"""What everything stands on: errors, options, files, locks, signals."""
