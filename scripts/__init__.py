"""Programs that make what the repository holds: the embedded assets, the measured orders."""
