"""Measures what a sampler does to image quality: BDIA against EDM's samplers on pre-trained EDM networks."""

from bdia_edm.base.address_space import require_address_space_for_torch

require_address_space_for_torch()
