"""Detectors: images to features."""
