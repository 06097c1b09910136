"""A run's folder and what is written in it; needs no PyTorch."""
