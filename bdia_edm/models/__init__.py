"""Denoisers: the EDM networks and their preconditionings, and a Gaussian mixture."""
