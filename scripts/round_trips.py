"""Measures how exactly every sampler with an inverse leads from images to latents and back, and what the latents are.

    python scripts/round_trips.py > results/round_trips.md

Images are inverted (``invert``) and made again from both kept states (``forward``); and latents are made images and
inverted. The Gaussian mixture has an exact float64 denoiser; the digits network computes in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from bdia_edm.api import prepare, round_trip
from bdia_edm.checkpoints.locating import ASSETS
from bdia_edm.engine.block_inverter import as_states
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import make_sampler

__all__ = ["INTRODUCTION", "MODELS", "SAMPLERS", "Measured", "main", "measure"]

INTRODUCTION = """\
# Round trips

An image is the state at noise level 0.002; its latent, where the inverse ends at 80. `image` is the error of the image
that comes back from the latent and its partner, as the largest of all pixels and as root of the mean square, for pixels
in [-1, 1]; half a grey level is 4e-3. `alone` is the latter with the partner dropped. `latent` is the largest error of
noise that is made an image and inverted, and `deviation` the standard deviation of the inverted images' latents, both
as shares of 80: a deviation far from 1 is no noise of this network, however exactly the image comes back. NFE is of the
way up and the way down together. An exact 0 means equal bits.
"""

SAMPLERS: list[tuple[str, dict[str, Any], int]] = [
    ("euler", {}, 0),
    ("euler", {}, 10),
    ("heun", {}, 0),
    ("heun", {}, 10),
    *(
        ("bdia", {"integrator": integrator, "gamma": gamma, "scaling": scaling}, 0)
        for integrator in ("euler", "heun")
        for gamma in (1.0, 0.9, 0.5)
        for scaling in ("none", "vp")
    ),
    ("bdia", {"backward": "heun", "gamma": 1.0}, 0),
    ("bdia", {"gamma": 1.0, "arithmetic": "grid"}, 0),
    ("obelm", {}, 0),
    ("edict", {}, 0),
    ("edict", {"scaling": "vp"}, 0),
    ("rex", {"tableau": "euler"}, 0),
    ("rex", {"tableau": "rk4"}, 0),
]
"""Name, options, and fixed-point iterations of the inverse."""


@dataclass(frozen=True)
class Measured:
    """What ``INTRODUCTION`` says of the columns."""

    nfe: int
    largest: float
    rms: float
    alone: float
    latent: float
    deviation: float


@torch.inference_mode()
def measure(
    network: Denoiser, sampler: InvertibleSampler, images: Tensor, labels: Tensor | None, iterations: int = 0
) -> Measured:
    """Both ways, from ``images`` (N, C, H, W) float64 and from as many latents."""
    there = round_trip(network, sampler, images, labels, iterations)
    error = there.reconstructions - images
    denoiser = BatchDenoiser(network, labels)
    *_, (_, alone) = sampler.forward(denoiser, there.states[0])
    z = there.level * torch.randn(images.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    *_, (_, ahead) = sampler.forward(denoiser, z)
    *_, (_, back) = sampler.invert(denoiser, *ahead, iterations=iterations)
    return Measured(
        there.nfe,
        float(error.abs().max()),
        float(error.square().mean().sqrt()),
        float((alone[0] - images).square().mean().sqrt()),
        float((back[0] - z).abs().max()) / there.level,
        float(there.states[0].std()) / there.level,
    )


def _mixture(num: int) -> tuple[Denoiser, Tensor, None]:
    mixture = GaussianMixture(img_resolution=8)
    return mixture, torch.cat(list(mixture.exact_batches(num, seed=1))), None


def _digits(num: int) -> tuple[Denoiser, Tensor, Tensor]:
    with np.load(ASSETS / "digits_images.npz") as data:
        pixels, labels = data["arr_0"][:num], torch.eye(10)[torch.from_numpy(data["labels"][:num])]
    network = prepare("+model=digits", "detector=none", "seeds=0").denoiser
    return network, torch.from_numpy(as_states(pixels)), labels


MODELS: dict[str, tuple[str, Callable[[int], tuple[Denoiser, Tensor, Tensor | None]]]] = {
    "mixture": ("The Gaussian mixture, 8x8, float64", _mixture),
    "digits": ("The first of scikit-learn's digits and their network, float32", _digits),
}


@click.command(help=__doc__.partition("\n")[0] if __doc__ else None)
@click.option("--images", default=64, show_default=True, help="of each model")
@click.option("--steps", default=(10, 18, 40), show_default=True, multiple=True, help="numbers of noise levels above 0")
@click.option("--model", "models", default=tuple(MODELS), type=click.Choice(tuple(MODELS)), multiple=True)
def main(images: int, steps: tuple[int, ...], models: tuple[str, ...]) -> None:
    """Prints the page."""
    click.echo(INTRODUCTION)
    for model in models:
        title, make = MODELS[model]
        network, x, labels = make(images)
        click.echo(f"## {title}, {images} images\n")
        click.echo("| sampler | steps | NFE | image, largest | image | alone | latent | deviation |")
        click.echo("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for name, options, iterations in SAMPLERS:
            for num_steps in steps:
                sampler = make_sampler(name, {"num_steps": num_steps, **_defaults(name), **options})
                assert isinstance(sampler, InvertibleSampler)
                found = measure(network, sampler, x, labels, iterations)
                label = " ".join([name, *(f"{key}={value}" for key, value in options.items())])
                label += f", {iterations} iterations" if iterations else ""
                shown = [f"{value:.0e}" if value else "0" for value in (found.largest, found.rms, found.alone)]
                shown += [f"{found.latent:.0e}" if found.latent else "0", f"{found.deviation:.3g}"]
                click.echo(f"| {label} | {num_steps} | {found.nfe} | {' | '.join(shown)} |")
        click.echo()


def _defaults(name: str) -> dict[str, Any]:
    return {"gamma": 1.0} if name == "bdia" else {}


if __name__ == "__main__":
    main()
