"""Pictures to latents and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.pictures import decode, encode, latent_factor, psnr, read_picture, rms
from tests.text_to_image.pipelines import given, pipeline


def test_the_references_latent_and_picture() -> None:
    vae = pipeline().vae
    latent = encode(vae, given("image").numpy(), "cpu", torch.float64)
    torch.testing.assert_close(latent, given("x0"), rtol=0, atol=1e-12)
    wanted = ((given("decoded_x0")[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255)
    assert np.abs(decode(vae, latent) - wanted.numpy()).max() <= 0.5 + 1e-3


def test_a_picture_is_read_from_either() -> None:
    pixels = given("image").numpy()
    assert (read_picture(Image.fromarray(pixels), 2) == pixels).all()
    assert read_picture(pixels, 2) is pixels
    assert latent_factor(pipeline().vae) == 2


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 6, 4), (5, 4, 3), (4, 4)])
def test_others_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="image: "):
        read_picture(np.zeros(shape, np.uint8), 2)


def test_errors_of_pictures() -> None:
    a, b = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert rms(a, b) == 255
    assert psnr(a, b) == 0
    assert psnr(a, a) == math.inf
