"""Measures what a sampler does to image quality: BDIA against EDM's samplers on pre-trained EDM networks."""

from bdia_edm.base.address_space import require_address_space_for_torch
from bdia_edm.base.streams import open_closed_streams

# Before anything opens a file.
open_closed_streams()
require_address_space_for_torch()
