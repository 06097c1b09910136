"""The embedded digits model, its detector and its reference statistics; README.md says how they were made."""
