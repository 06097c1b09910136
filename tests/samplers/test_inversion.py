"""Invertible samplers: each way undoes the other, with both states kept; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import make_sampler

BDIA = [
    {"integrator": integrator, "backward": backward, "scaling": scaling, "gamma": 1.0}
    for integrator in ("euler", "heun")
    for backward in ("euler", "heun")
    for scaling in ("none", "vp")
]
EXACT: list[tuple[str, dict[str, Any]]] = [
    *(("bdia", options) for options in BDIA),
    ("obelm", {}),
    ("edict", {}),
    ("edict", {"scaling": "vp"}),
    *(("rex", {"tableau": tableau}) for tableau in ("euler", "midpoint", "rk4")),
]


def sampler_of(name: str, num_steps: int, options: dict[str, Any]) -> InvertibleSampler:
    sampler = make_sampler(name, {"num_steps": num_steps, **options})
    assert isinstance(sampler, InvertibleSampler)
    return sampler


def images() -> Tensor:
    return GaussianMixture().exact_samples(8, seed=1).reshape(8, 1, 4, 4).double()


def latents() -> Tensor:
    return 80 * torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("num_steps", [2, 3, 10, 18])
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_an_image_comes_back(name: str, options: dict[str, Any], num_steps: int) -> None:
    """forward(inverse(x)) = x, from the pair that the inverse ended with."""
    sampler, denoiser = sampler_of(name, num_steps, options), BatchDenoiser(GaussianMixture())
    up = list(sampler.invert(denoiser, images()))
    assert [level for level, _ in up] == sampler.levels(denoiser)[::-1]
    down = list(sampler.forward(denoiser, *up[-1][1]))
    assert [level for level, _ in down] == sampler.levels(denoiser)
    scale = max(float(pair.abs().max()) for _, pair in up)
    torch.testing.assert_close(down[-1][1][0], images(), rtol=0, atol=1e-10 * scale)
    # Every state on the way, not the image alone.
    for (level, pair), (level_back, pair_back) in zip(up, down[::-1], strict=True):
        assert level == level_back
        torch.testing.assert_close(pair[0], pair_back[0], rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("num_steps", [2, 3, 10, 18])
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_a_latent_comes_back(name: str, options: dict[str, Any], num_steps: int) -> None:
    """inverse(forward(z)) = z, to 1e-9 of the largest state of the way."""
    sampler, denoiser = sampler_of(name, num_steps, options), BatchDenoiser(GaussianMixture())
    down = list(sampler.forward(denoiser, latents()))
    up = list(sampler.invert(denoiser, *down[-1][1]))
    scale = max(float(pair.abs().max()) for _, pair in down)
    torch.testing.assert_close(up[-1][1][0], latents(), rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize(("name", "options"), EXACT)
def test_the_forward_half_is_the_sampler_to_sigma_min(name: str, options: dict[str, Any]) -> None:
    sampler, denoiser = sampler_of(name, 6, options), BatchDenoiser(GaussianMixture())
    way = list(sampler.trajectory(denoiser, (latents() / 80), lambda: latents()))
    start = (latents() / 80) * sampler.levels(denoiser)[0]
    for (level, pair), (expected_level, expected) in zip(sampler.forward(denoiser, start), way, strict=False):
        assert level == expected_level
        state = pair if name in ("edict", "rex") and expected.ndim == pair.ndim else pair[0]
        assert torch.equal(state, expected)


def test_what_has_no_exact_inverse_is_refused() -> None:
    denoiser = BatchDenoiser(GaussianMixture())
    for options in ({"gamma": 0.0}, {"gamma": 0.5, "backward": "trapezoid"}):
        with pytest.raises(UserError, match=r"^sampler\.(gamma=0|backward=trapezoid): no exact inverse; take "):
            sampler_of("bdia", 6, options).invert(denoiser, images())


def test_the_second_state_is_needed() -> None:
    """Without the pair's partner the image does not come back: dropping it costs far more than rounding."""
    for name, options in (("bdia", {"gamma": 0.5}), ("obelm", {}), ("edict", {})):
        sampler, denoiser = sampler_of(name, 10, options), BatchDenoiser(GaussianMixture())
        *_, (_, pair) = sampler.invert(denoiser, images())
        *_, (_, kept) = sampler.forward(denoiser, *pair)
        *_, (_, dropped) = sampler.forward(denoiser, pair[0])
        assert (dropped[0] - images()).abs().max() > 1e6 * (kept[0] - images()).abs().max()
