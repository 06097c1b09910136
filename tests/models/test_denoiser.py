"""How a noise level reaches a network's device."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.models.denoiser import place_level
from bdia_edm.models.gaussian_mixture import GaussianMixture
from tests.references import build


@pytest.mark.parametrize(
    ("sigma", "expected"),
    [
        (0.1, [0.1]),
        (torch.tensor(0.1, dtype=torch.float64), [0.1]),
        (torch.tensor([0.1, 2.0], dtype=torch.float64), [0.1, 2.0]),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_on_the_images_device_in_the_networks_type(sigma, expected: list[float], dtype: torch.dtype) -> None:
    level = place_level(sigma, torch.zeros(2), dtype)
    assert torch.equal(level, torch.tensor(expected, dtype=dtype))
    assert place_level(sigma, torch.zeros(2, device="meta"), dtype).device.type == "meta"


@pytest.mark.parametrize("name", ["mixture", "tiny-song-vp-cond", "tiny-adm-cond-iDDPMPrecond"])
def test_a_number_and_a_tensor_are_one_level(name: str) -> None:
    """To the last bit, whatever the double's digits beyond float32."""
    network = GaussianMixture(8, 3) if name == "mixture" else build(name)
    size = network.img_resolution
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for sigma in (0.0123456789012345, 1 / 3, 79.99999999):
        tensor = torch.tensor(sigma, dtype=torch.float64)
        assert torch.equal(network(x, sigma), network(x, tensor))
