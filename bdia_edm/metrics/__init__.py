"""Detectors, feature statistics and distances."""
