"""Several processes that share one piece of work."""
