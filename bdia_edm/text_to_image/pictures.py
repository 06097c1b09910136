"""Pictures to latents and back, by a pipeline's autoencoder.

The latent is the mean of the autoencoder's posterior times its scaling factor: drawing from the posterior, as some
programs do, adds an error before the first step. A float16 autoencoder whose configuration asks for it (force_upcast,
SDXL's) works in float32 here, as it overflows otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bdia_edm.base.errors import UserError

__all__ = ["decode", "encode", "latent_factor", "psnr", "read_picture", "rms"]

Pixels = NDArray[np.uint8]


def latent_factor(vae: Any) -> int:
    """How many pixels of height and width a latent's have."""
    return 2 ** (len(vae.config.block_out_channels) - 1)


def read_picture(image: Any, factor: int) -> Pixels:
    """The pixels (H, W, 3) uint8 of a picture.

    Args:
        image: a PIL image of mode RGB, or an array (H, W, 3) uint8.
        factor: by which H and W must divide.

    Raises:
        UserError: the picture is of another mode, type or size.
    """
    if isinstance(image, Image.Image):
        if image.mode != "RGB":
            raise UserError(f"image: its mode is {image.mode}; must be RGB (image.convert('RGB'))")
        image = np.asarray(image)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype}, {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise UserError(f"image: must be a PIL image of mode RGB or an array (H, W, 3) of uint8, it is {got}")
    height, width = image.shape[:2]
    if not height or not width or height % factor or width % factor:
        raise UserError(f"image: it has {width} x {height} pixels; width and height must be multiples of {factor}")
    return image


@torch.no_grad()
def encode(vae: Any, pixels: Pixels, device: Any, dtype: torch.dtype) -> Tensor:
    """Pixels (H, W, 3) to the latent (1, C, h, w) of type ``dtype``.

    Raises:
        UserError: the latent is not finite.
    """
    scaled = torch.from_numpy(np.array(pixels)).to(device).permute(2, 0, 1)[None].double() / 127.5 - 1
    with _upcast(vae):
        mean = vae.encode(scaled.to(vae.dtype)).latent_dist.mean
    latent = mean.to(dtype) * vae.config.scaling_factor
    _require_finite(latent, "encodes", vae)
    return latent


@torch.no_grad()
def decode(vae: Any, latent: Tensor) -> Pixels:
    """A latent (1, C, h, w) to pixels (H, W, 3).

    Raises:
        UserError: the picture is not finite.
    """
    with _upcast(vae):
        picture = vae.decode((latent / vae.config.scaling_factor).to(vae.dtype), return_dict=False)[0]
    _require_finite(picture, "decodes", vae)
    pixels = ((picture[0].float() + 1) * 127.5).round().clamp(0, 255)
    return pixels.permute(1, 2, 0).to("cpu", torch.uint8).numpy()


@contextmanager
def _upcast(vae: Any) -> Iterator[None]:
    asked = vae.dtype == torch.float16 and vae.config.force_upcast
    if asked:
        vae.to(dtype=torch.float32)
    try:
        yield
    finally:
        if asked:
            vae.to(dtype=torch.float16)


def _require_finite(values: Tensor, deed: str, vae: Any) -> None:
    if not bool(values.isfinite().all()):
        dtype = str(vae.dtype).removeprefix("torch.")
        raise UserError(f"pipeline: its {dtype} autoencoder {deed} to NaN or infinity; take pipe.vae.to(torch.float32)")


def rms(a: Any, b: Any) -> float:
    """The root of the mean squared difference of two arrays or tensors."""
    a, b = (torch.as_tensor(each).double().cpu() for each in (a, b))
    return float((a - b).square().mean().sqrt())


def psnr(a: Pixels, b: Pixels) -> float:
    """The peak signal-to-noise ratio of two pictures, in dB; infinite where they are the same."""
    error = rms(a, b)
    return 20 * math.log10(255 / error) if error else math.inf
