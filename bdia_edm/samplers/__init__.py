"""Samplers: a module each, found by name, with the time steps and integrators that they are made of."""
