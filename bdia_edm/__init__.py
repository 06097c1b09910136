"""Measures what a sampler does to image quality: BDIA against EDM's samplers on pre-trained EDM networks."""

from bdia_edm.base.streams import open_closed_streams

# Before anything opens a file.
open_closed_streams()
