"""Measures what a sampler does to image quality: BDIA against EDM's samplers on pre-trained EDM networks."""
