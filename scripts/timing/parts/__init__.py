"""One module a part of what is measured; each gives a ``Section``."""
