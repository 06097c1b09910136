"""Metrics: how far features are from the data's. They see features and never a detector."""
