"""Runs that invert pictures on a pipeline, bring them back and edit them: from options to records and comparisons."""
