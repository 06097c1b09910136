"""Trackers: where finished runs are shown beside others, by one module each."""
