"""What the tests of samplers share: the reference cases, the mixture, errors against a fine solution."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bdia_edm.engine.batch import to_uint8
from bdia_edm.engine.random_streams import RandomStreams
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import make_sampler
from tests.references import REFERENCE, build

CASES: dict[str, dict[str, Any]] = json.loads((REFERENCE / "sampling" / "cases.json").read_text())
NETWORKS = sorted(path.stem for path in (REFERENCE / "sampling").glob("*.npz"))


def cases_of(sampler: str) -> list[Any]:
    """(network, case) for all reference cases of a sampler."""
    pairs = []
    for network in NETWORKS:
        held = np.load(REFERENCE / "sampling" / f"{network}.npz").files
        pairs += [(network, case) for case in CASES if case in held and CASES[case]["sampler"] == sampler]
    return [pytest.param(*pair, id="-".join(pair)) for pair in pairs]


def check_case(network_name: str, case: str) -> None:
    """The sampler's images of the reference's seeds are the reference's."""
    reference = np.load(REFERENCE / "sampling" / f"{network_name}.npz")
    network = build(network_name)
    streams = RandomStreams(reference["seeds"], (network.img_channels, network.img_resolution, network.img_resolution))
    latents = streams.latents()
    assert np.array_equal(latents.numpy(), reference["latents"])
    labels = streams.labels(network.label_dim)
    assert np.array_equal(labels.numpy(), reference["labels"])
    options = {name: value for name, value in CASES[case].items() if name != "sampler"}
    sampler = make_sampler(CASES[case]["sampler"], options)
    images = sampler.sample(BatchDenoiser(network, torch.eye(network.label_dim)[labels]), latents, streams.noise)
    error = np.abs(images.numpy() - reference[case]).max()
    if type(network).__name__ == "EDMPrecond":
        assert error <= 2e-5
        assert np.array_equal(to_uint8(images).permute(0, 2, 3, 1).numpy(), reference[f"{case}__uint8"])
    else:
        assert error <= 1e-4 * np.abs(reference[case]).max()


def exact_samples(mixture: GaussianMixture, num: int, seed: int = 0) -> Tensor:
    """Samples of the mixture itself (num, C, H, W)."""
    return torch.cat(list(mixture.exact_batches(num, seed)))


def run(name: str, num_steps: int, images: int = 16, **options: Any) -> tuple[Tensor, int]:
    """Images of the mixture by a deterministic sampler, and the evaluations."""
    latents = torch.randn(images, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    denoiser = BatchDenoiser(GaussianMixture())
    sampler = make_sampler(name, {"num_steps": num_steps, **options})
    return sampler.sample(denoiser, latents, streams_are_not_used), denoiser.nfe


def streams_are_not_used() -> Tensor:
    raise AssertionError("a deterministic sampler draws no noise")


@cache
def fine_solution() -> Tensor:
    return run("edm", 8000)[0]


def error(name: str, num_steps: int, **options: Any) -> float:
    """Median over the images of the root-mean-square error against the fine solution."""
    difference = run(name, num_steps, **options)[0] - fine_solution()
    return float(difference.square().mean((1, 2, 3)).sqrt().median())


def order(name: str, num_steps: int = 160, **options: Any) -> float:
    """The slope of the error between num_steps and twice as many."""
    return float(np.log2(error(name, num_steps, **options) / error(name, 2 * num_steps, **options)))
