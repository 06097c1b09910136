"""Every released checkpoint's names and shapes, and what its network answers."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bdia_edm.models.preconditioning import PRECONDITIONINGS, EDMPrecond, iDDPMPrecond
from bdia_edm.samplers.time_steps import edm_levels
from tests.references import CHECKPOINTS, REFERENCE, build, describe

DENOISED = sorted(path.stem for path in (REFERENCE / "denoised").glob("*.npz"))


def test_all_reference_data_are_here() -> None:
    assert len(CHECKPOINTS) == 19
    assert set(DENOISED) == set(CHECKPOINTS)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_names_and_shapes_are_the_checkpoints(name: str) -> None:
    card = describe(name)
    with torch.device("meta"):
        network = PRECONDITIONINGS[card["preconditioning"]](**card["init_kwargs"])
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == card["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == card["num_parameters"]
    if "sigma_min" in card:
        # iDDPM's levels are float32 sines, whose last bit is the processor's.
        expected = (card["sigma_min"], float(card["sigma_max"]))
        assert (network.sigma_min, network.sigma_max) == pytest.approx(expected, rel=2**-22)


@pytest.mark.parametrize("name", DENOISED)
def test_denoised_images_are_the_originals(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = np.load(REFERENCE / "denoised" / f"{name}.npz")
    sigma = reference["sigma"]
    network = build(name)
    shape = (3, network.img_channels, network.img_resolution, network.img_resolution)
    z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    x = torch.from_numpy(z * np.sqrt(0.25 + sigma**2).reshape(-1, 1, 1, 1))
    labels = torch.eye(network.label_dim)[torch.from_numpy(reference["labels"])] if network.label_dim else None
    denoised = network(x, torch.from_numpy(sigma), labels)
    assert denoised.dtype == torch.float32
    error = np.abs(denoised.numpy() - reference["denoised"]).max(axis=(1, 2, 3))
    if isinstance(network, EDMPrecond):
        assert (error <= 3e-6).all(), error
        return
    # The other three hand the network a c_noise of up to 1,000, whose last bits are the processor's (MKL computes the
    # logarithm, by other instructions on Intel's than on AMD's), and Fourier features multiply it by up to 100.
    monkeypatch.setattr(network, "coefficients", four_ulps_off(network.coefficients))
    moved = (network(x, torch.from_numpy(sigma), labels) - denoised).abs().amax(dim=(1, 2, 3)).numpy()
    assert (error <= 5e-6 * np.maximum(1, sigma) + moved).all(), (error, moved)


def four_ulps_off(coefficients: Callable[[Tensor], tuple[Any, ...]]) -> Callable[[Tensor], tuple[Any, ...]]:
    def changed(sigma: Tensor) -> tuple[Any, ...]:
        *others, c_noise = coefficients(sigma)
        return (*others, c_noise * (1 + 4 * torch.finfo(torch.float32).eps))

    return changed


def test_no_labels_are_one_zero_row() -> None:
    network = build("tiny-song-vp-cond")
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(x, 1.0), network(x, 1.0, torch.zeros(1, 3)))


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    network = build("tiny-adm-cond")
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    other = x.clone()
    other[1:] = 100 * other[1:].flip(0)
    labels = torch.eye(5)[:4]
    assert torch.equal(network(x, 0.5, labels)[0], network(other, 0.5, labels)[0])


def test_iddpm_rounds_to_its_levels() -> None:
    network = build("tiny-adm-cond-iDDPMPrecond")
    assert isinstance(network, iDDPMPrecond)
    levels = network.u[[0, 400, 999]].to(torch.float64)
    assert torch.equal(network.round_sigma(levels * 1.0001), levels)
    assert network.round_sigma(levels[1]).shape == ()
    assert network.round_sigma(levels).dtype == torch.float64


def test_near_ties_of_iddpms_levels_fall_as_edms_do() -> None:
    """Among EDM's grids of 2 to 300 steps some have one; which, and how it falls, the processor's products decide."""
    network = build("tiny-adm-cond-iDDPMPrecond")
    differ = set()
    for num_steps in range(2, 301):
        grid = edm_levels(num_steps, network.sigma_min, 80.0, 7.0)
        distances = (grid.to(torch.float32).reshape(-1, 1) - network.u).abs()
        rounded = network.round_sigma(grid)
        # One at a time, as c_noise and churn ask, is as together.
        assert torch.equal(rounded, torch.stack([network.round_sigma(level) for level in grid]))
        if not torch.equal(rounded, network.u[distances.argmin(dim=1)].to(torch.float64)):
            differ.add(num_steps)
    assert 20 <= len(differ) <= 60
    levels = network.u[:-1]
    assert torch.equal(network.coefficients(levels.reshape(-1, 1, 1, 1))[3].flatten(), torch.arange(999.0, -1, -1))


def test_preconditioning_keeps_the_data_scale() -> None:
    """Karras et al. 2022, appendix B.6: c_in gives the network inputs of unit variance."""
    network = build("tiny-song-ve-uncond")
    for sigma in (0.01, 0.5, 20.0):
        c_in = network.coefficients(torch.tensor([[[[sigma]]]]))[2]
        assert math.isclose(float(c_in) ** 2 * (sigma**2 + 0.25), 1.0, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"model_type": "UNet"}, "SongUNet, DhariwalUNet"), ({"embedding_type": "cosine"}, "positional, fourier")],
)
def test_unknown_kinds_name_what_is_allowed(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EDMPrecond(img_resolution=8, img_channels=1, **options)
