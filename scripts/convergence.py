"""Measures every sampler's order of convergence on the Gaussian mixture, whose denoiser is exact.

    python scripts/convergence.py > results/convergence.md

The error is the median over the images of the root-mean-square difference from EDM with 16,000 steps; the order is
the slope between two numbers of steps. The median, since now and then a coarse trajectory ends in another component.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import click
import torch
from torch import Tensor

from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.bdia import BACKWARDS, SCALINGS
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import make_sampler

STEPS = (20, 40, 80, 160, 320, 640)


def sample(name: str, num_steps: int, latents: Tensor, **options: Any) -> tuple[Tensor, int]:
    """Images and the number of evaluations."""
    denoiser = BatchDenoiser(GaussianMixture())
    sampler = make_sampler(name, {"num_steps": num_steps, **options})
    return sampler.sample(denoiser, latents, lambda: torch.randn_like(latents, dtype=torch.float64)), denoiser.nfe


@click.command()
@click.option("--images", default=64, show_default=True)
def main(images: int) -> None:
    """Prints the table in Markdown."""
    latents = torch.randn(images, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    exact, _ = sample("edm", 16_000, latents)
    variants: list[tuple[str, str, dict[str, Any]]] = [("EDM (Heun)", "edm", {}), ("Euler (DDIM)", "euler", {})]
    gammas = (0.1, 0.3, 0.5, 0.8, 1.0)
    for scaling, integrator, backward, gamma in itertools.product(SCALINGS, ("heun", "euler"), BACKWARDS, gammas):
        label = f"BDIA, {integrator}, backward {backward}, gamma {gamma}"
        options = {"integrator": integrator, "backward": backward, "gamma": gamma, "scaling": scaling}
        variants.append((label if scaling == "none" else f"{label}, scaling {scaling}", "bdia", options))
    click.echo("Made by `python scripts/convergence.py > results/convergence.md`.\n")
    click.echo(f"| sampler | {' | '.join(f'{steps} steps' for steps in STEPS)} | order |")
    click.echo(f"| --- |{' ---: |' * (len(STEPS) + 1)}")
    for label, name, options in variants:
        errors = []
        for steps in STEPS:
            images_out, _ = sample(name, steps, latents, **options)
            errors.append((images_out - exact).square().mean((1, 2, 3)).sqrt().median().item())
        order = math.log2(errors[-2] / errors[-1])
        click.echo(f"| {label} | {' | '.join(f'{error:.2e}' for error in errors)} | {order:.2f} |")


if __name__ == "__main__":
    main()
