"""Exact inverses on float32 networks: that of digits, and a random one of CIFAR-10's size.

The states are float64, but a network sees them rounded to float32 and answers in it. Going back, states recur to
rounding (1e-14 to 1e-10), so the network's inputs recur to the bit, and so do its answers, unless a value lies within
that rounding of the middle of two float32 numbers. That has a chance of 1e-14/6e-8 a value with scaling vp, O-BELM and
Rex, and of up to 1e-10/6e-8 with scaling none. Then the image that it is of has an error of float32: its answer is
another one by 1e-7, times the ratio of the levels, (t' - t)/t. The tests look at the inputs: where all recur, errors
are those of float64; where one does not, still below what is seen.

Errors measured on 32 digits with 10, 18 and 40 noise levels, of the image, largest, and of the latent over sigma_max:

    bdia gamma 1, euler    none    4e-11, 8e-7, 2e-7 (some inputs do not recur)       1e-14, 2e-14, 6e-14
                           vp      6e-14, 3e-13, 5e-13                                6e-15, 1e-14, 5e-14
    bdia gamma 0.9, vp             4e-14, 1e-13, 5e-14                                5e-15, 1e-14, 7e-14
    bdia gamma 0.5, vp             5e-15, 2e-15, 2e-7                                 2e-14, 7e-13, 3e-5
    bdia gamma 1, grid             5e-13 at any: that of putting the image on it      6e-15
    obelm                          2e-16, 2e-16, 3e-16                                5e-14, 6e-14, 9e-14
    edict                  none    3e-13, 6e-9, 6e-13                                 2e-13, 6e-13, 2e-13
                           vp      3e-12, 6e-12, 2e-12                                5e-14, 7e-14, 5e-14
    rex, euler                     3e-16, 2e-16, 6e-16                                2e-13, 2e-13, 5e-10

So at gamma 1 rounding grows with N no faster than N; at gamma 0.5 the latent's as 2^N. The tests' grids are short.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.api import prepare
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import SAMPLERS, make_sampler
from scripts.train_digits import load_digits
from tests.references import build

EXACT: list[tuple[str, dict[str, Any]]] = [
    *(("bdia", {"integrator": each, "gamma": 1.0}) for each in ("euler", "heun")),
    *(("bdia", {"integrator": each, "gamma": 1.0, "scaling": "vp"}) for each in ("euler", "heun")),
    *(("bdia", {"integrator": each, "gamma": 1.0, "arithmetic": "grid"}) for each in ("euler", "heun")),
    ("bdia", {"gamma": 1.0, "backward": "heun"}),
    ("bdia", {"gamma": 0.9, "scaling": "vp"}),
    ("obelm", {}),
    ("edict", {}),
    ("edict", {"scaling": "vp"}),
    ("rex", {"tableau": "midpoint"}),
    ("rex", {"prediction": "noise"}),
]
# Of what recurs: five times the largest seen at N = 4 to 10 on both networks, 1.2e-10 (rex, noise), 2e-13 (rex, data).
IMAGE, LATENT = 6e-10, 1e-12
# Of what does not: a quarter of a grey level. Seen were up to 1e-6.
SEEN = 1e-3


class Inputs(BatchDenoiser):
    """Keeps what the network is given, as it sees it."""

    def __init__(self, denoiser: Denoiser, labels: Tensor) -> None:
        super().__init__(denoiser, labels)
        self.seen: list[tuple[float, Tensor]] = []

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.seen.append((sigma, x.to(torch.float32)))
        return super().__call__(x, sigma)

    def recurred(self, since: int) -> bool:
        """Whether all inputs from the number ``since`` on had been seen before it, to the bit."""
        before = self.seen[:since]
        return all(
            any(sigma == level and torch.equal(x, input_x) for level, input_x in before)
            for sigma, x in self.seen[since:]
        )


@cache
def digits() -> tuple[Denoiser, Tensor, Tensor]:
    x, labels = load_digits()
    network = prepare("+model=digits", "detector=none", "seeds=0").denoiser
    return network, x[:4].to(torch.float64), torch.eye(10)[labels[:4]]


@cache
def cifar10() -> tuple[Denoiser, Tensor, Tensor]:
    """Random weights in every layer, the last one's too: an untrained network would give 0 there."""
    noise = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return build("edm-cifar10-32x32-cond-vp"), noise.tanh(), torch.eye(10)[[3]]


def sampler_of(name: str, num_steps: int, options: dict[str, Any]) -> InvertibleSampler:
    sampler = make_sampler(name, {"num_steps": num_steps, **options})
    assert isinstance(sampler, InvertibleSampler)
    return sampler


@torch.inference_mode()
def check(sampler: InvertibleSampler, network: Denoiser, image: Tensor, labels: Tensor) -> None:
    """forward(inverse(x)) = x and inverse(forward(z)) = z."""
    top = sampler.levels(BatchDenoiser(network))[0]
    z = top * torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for start, there, back, scale, tolerance in (
        (image, sampler.invert, sampler.forward, 1.0, IMAGE),
        (z, sampler.forward, sampler.invert, top, LATENT),
    ):
        denoiser = Inputs(network, labels)
        *_, (_, away) = there(denoiser, start)
        turn = denoiser.nfe
        # A way that did not leave, or a network that gives nothing, would come back as well.
        assert float((away[0] - start).abs().max()) > 0.1
        *_, (_, home) = back(denoiser, *away)
        error = float((home[0] - start).abs().max()) / scale
        assert error < (tolerance if denoiser.recurred(turn) else SEEN)


def test_every_sampler_with_an_exact_inverse_is_here() -> None:
    kinds = {name: SAMPLERS[name] for name in SAMPLERS.names()}
    exact = {name for name, kind in kinds.items() if issubclass(kind, InvertibleSampler) and kind.exact}
    assert {name for name, _ in EXACT} == exact


@pytest.mark.parametrize("num_steps", [4, 6])
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_digits_come_back(name: str, options: dict[str, Any], num_steps: int) -> None:
    check(sampler_of(name, num_steps, options), *digits())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_images_of_cifar10s_size_come_back(name: str, options: dict[str, Any]) -> None:
    check(sampler_of(name, 4, options), *cifar10())


def test_networks_see_float32_and_what_they_see_is_told() -> None:
    """What the tolerances are about."""
    network, image, labels = digits()
    denoiser = Inputs(network, labels)
    x = image + 0.3  # no value is near 0, where float32 is as fine as float64 here
    answer, same, other = (denoiser(each, 0.5) for each in (x, x + 1e-13, x + 1e-6))
    assert network(x, 0.5, labels).dtype == torch.float32
    assert torch.equal(answer, same)
    assert not torch.equal(answer, other)
    assert not denoiser.recurred(1)
    denoiser.seen.pop()
    assert denoiser.recurred(1)
