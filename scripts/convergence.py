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
from bdia_edm.samplers.bdia import BACKWARDS
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import make_sampler
from bdia_edm.samplers.scaling import SCALINGS

INTRODUCTION = """\
# The samplers, and their orders of convergence

`edm` is Algorithm 2 of the EDM paper, `euler` is DDIM, `ablation` the general sampler of the EDM paper's section 3;
they give the images of the original implementation, pixel for pixel on reference data. `bdia` adds to each step of an
integrator Delta the difference between where the last step came from and where the integrator would go back to:

    z_{i-1} = z_i + gamma (z_{i+1} - z_i - Delta(t_i -> t_{i+1} | z_i)) + Delta(t_i -> t_{i-1} | z_i)

The first step is plain, every later one BDIA's; gamma = 0 is the integrator alone, bit for bit. The backward Delta is
an option:

| `backward` | backward Delta | NFE with Heun | exactly invertible |
| --- | --- | ---: | --- |
| `euler` | an Euler step | 2N-1, as EDM | yes |
| `trapezoid` | the mean of this gradient and the one before | 2N-1, as EDM | no |
| `heun` | a Heun step | 3N-3 | yes |

In the last step, to noise level 0, Heun's method is Euler's; there the backward Delta of `heun` is Euler's too, which
is why it costs 3N-3 evaluations. With `integrator=euler` (BDIA-DDIM) there are N.

The formula mixes two states and so depends on their scale: `scaling=none` mixes EDM's (scale 1), `scaling=vp` those of
scale 1/sqrt(1 + t²), as DDIM code does and as BDIA-DDIM was published.

Below is the median over {images} images of the Gaussian mixture of the root-mean-square difference from EDM with 16,000
steps, and the order between {before} and {last} steps. BDIA with gamma 1, Euler both ways and scaling none is the
midpoint rule.

Made by `python scripts/convergence.py > results/convergence.md`.
"""

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
    introduction = INTRODUCTION
    latents = torch.randn(images, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    exact, _ = sample("edm", 16_000, latents)
    variants: list[tuple[str, str, dict[str, Any]]] = [("EDM (Heun)", "edm", {}), ("Euler (DDIM)", "euler", {})]
    gammas = (0.1, 0.3, 0.5, 0.8, 1.0)
    for scaling, integrator, backward, gamma in itertools.product(SCALINGS, ("heun", "euler"), BACKWARDS, gammas):
        label = f"BDIA, {integrator}, backward {backward}, gamma {gamma}"
        options = {"integrator": integrator, "backward": backward, "gamma": gamma, "scaling": scaling}
        variants.append((label if scaling == "none" else f"{label}, scaling {scaling}", "bdia", options))
    for name, value in {"images": images, "before": STEPS[-2], "last": STEPS[-1]}.items():
        introduction = introduction.replace(f"{{{name}}}", str(value))
    click.echo(introduction)
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
