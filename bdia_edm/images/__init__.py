"""Images on disk: reading those of others, writing ours."""
