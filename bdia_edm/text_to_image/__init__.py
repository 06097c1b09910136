"""BDIA for latent text-to-image models of the Stable Diffusion kind: an extra, on diffusers and transformers.

from bdia_edm.text_to_image import BDIAScheduler, edit, invert
pipe.scheduler = BDIAScheduler.from_config(pipe.scheduler.config, gamma=0.5)    # sampling with BDIA
inverted = invert(pipe, image, "a cat")                                         # a picture to a pair of latents
edited = edit(pipe, inverted, "a dog")                                          # and back, with another prompt
"""

from __future__ import annotations

from bdia_edm.base.errors import UserError

try:
    import diffusers
    import transformers
except ImportError as error:
    raise UserError(f"text to image: {error.name} is missing; pip install 'bdia_edm[text]'") from error

from bdia_edm.text_to_image.editing import Edited, edit, sample
from bdia_edm.text_to_image.inversion import invert
from bdia_edm.text_to_image.inverted import Inverted
from bdia_edm.text_to_image.scheduler import BDIAScheduler
from bdia_edm.text_to_image.scheduler_inverse import BDIAInverseScheduler

__all__ = ["BDIAInverseScheduler", "BDIAScheduler", "Edited", "Inverted", "edit", "invert", "sample"]

del diffusers, transformers
