"""Measures how exactly the inversions of text_to_image come back, on the tests' tiny pipeline, by type of number.

    python scripts/text_to_image_exactness.py > results/text_to_image/exactness.md

About five minutes on one core. The networks are the tiny pipeline's, the picture is the references' own, and z_0 is its
latent.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils.logging import disable_progress_bar, set_verbosity_error
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image import BDIAInverseScheduler, BDIAScheduler, Edited, Inverted, edit, invert
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.pictures import rms
from bdia_edm.text_to_image.prompts import encode_prompts

__all__ = ["main"]

_TESTS = Path(__file__).parents[1] / "tests"
_SOURCE, _EDIT = "a photo of a red cat", "a photo of a blue dog"

INTRODUCTION = """\
# Round trips of text-to-image inversion, by type of number

From the latent z_0 of a picture up to noise and back with the same prompt, on the tests' tiny pipeline: 10 or 50 steps,
leading, offset 1, a_0 of time 0, strength 1. A cell is the root mean square error of z_0, and in brackets the standard
deviation of z_N, about 1 where it is like noise; 0 means equal bits. "both float16" are BDIAScheduler and
BDIAInverseScheduler in a loop of one's own, as in a float16 pipeline; `invert` and `edit` keep states in float32 or
float64 whatever the network is. NFE is of the way up and of the way down.
"""


COLUMN_WORDS = ("float64", "network and state float32", "network float16, state float32", "both float16")
GRID_WORDS = """\
## Bit for bit

BDIA at gamma 1 with states on the grid, in float64, whatever the network's type; then what the grid changes beside
plain float64 arithmetic: the largest difference of the kept pair, of an edit's z_0, and of its picture in grey levels.
"""
RECONSTRUCTION_WORDS = """
## Reconstruction by methods that are not exact

DDIM's inversion of the prompt alone, and back with guidance: as it is, with the null texts of null-text inversion, and
guided away from the source prompt. Root mean square error of z_0 in float64, then NFE up and down.
"""


class Way(NamedTuple):
    """A row's method: its words, name and options."""

    words: str
    method: str
    options: dict[str, Any]


WAYS = [
    Way("DDIM, asked where it comes from", "ddim", {"network_time": "here"}),
    Way("DDIM, asked where it goes", "ddim", {}),
    *(Way(f"BDIA, gamma {gamma:g}", "bdia", {"gamma": gamma}) for gamma in (1.0, 0.96, 0.9, 0.5)),
    Way("O-BELM", "obelm", {}),
    Way("EDICT", "edict", {}),
]
GRID = Way("BDIA, gamma 1, grid", "bdia", {"gamma": 1.0, "arithmetic": "grid"})
GUIDANCES = (1.0, 3.0, 7.5)
RECONSTRUCTED = ((5, 7.5), (10, 3.0))
COLUMNS = [(torch.float64, torch.float64), (torch.float32, torch.float32), (torch.float16, torch.float32)]


class Trip(NamedTuple):
    """What came of a round trip: what was kept, and where it came back to."""

    inverted: Inverted
    made: Edited


@cache
def pipeline(dtype: torch.dtype) -> Any:
    """The tiny pipeline with networks of a type."""
    folder = _TESTS / "text_to_image" / "tiny_pipeline"
    pipe = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        part.to(dtype).requires_grad_(False)
    return pipe


@cache
def picture_latent() -> Tensor:
    """z_0 (1, 4, 8, 8), float64."""
    with np.load(_TESTS / "reference" / "text_to_image" / "inputs.npz") as arrays:
        return torch.from_numpy(arrays["x0"])


def trip(way: Way, steps: int, guidance: float, dtype: torch.dtype, state: torch.dtype, **options: Any) -> Trip:
    """Up by ``invert``, and down by ``edit``."""
    pipe = pipeline(dtype)
    asked: dict[str, Any] = {
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "strength": 1.0,
        "state_dtype": state,
    }
    found = invert(pipe, picture_latent(), _SOURCE, method=way.method, **asked, **way.options)
    return Trip(found, edit(pipe, found, **options))


@torch.no_grad()
def scheduler_trip(gamma: float, steps: int, guidance: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """z_N and z_0 of a round trip by the two schedulers alone, in a loop; states and network of one type."""
    pipe = pipeline(dtype)
    c, u = encode_prompts(pipe, _SOURCE, "", (16, 16), "cpu")
    eps = NoiseEstimate(pipe.unet, "epsilon", c, u, guidance)
    back = BDIAInverseScheduler.from_config(pipe.scheduler.config, gamma=gamma)
    back.set_timesteps(steps)
    z = picture_latent().to(dtype)
    for t in back.timesteps:
        z = back.step(eps.guided(z, int(t), u), t, z).prev_sample
    last, before = back.pair
    forward = BDIAScheduler.from_config(pipe.scheduler.config, gamma=gamma)
    forward.set_second(before)
    forward.set_timesteps(steps)
    z = last
    for t in forward.timesteps:
        z = forward.step(eps.guided(z, int(t), u), t, z).prev_sample
    return last, z


def cell(error: float, deviation: float) -> str:
    """A round trip in a table."""
    return (
        f"{f'{error:.1e}' if error else '0'} ({deviation:.2f})" if deviation < 100 else f"{error:.1e} ({deviation:.0e})"
    )


def round_trips(settings: list[tuple[int, float]], refusals: dict[str, str]) -> Iterator[str]:
    """The rows; what is refused is kept in ``refusals`` by its cell's mark."""

    def refused(error: UserError) -> str:
        return f"refused [{refusals.setdefault(str(error), str(len(refusals) + 1))}]"

    for steps, guidance in settings:
        for way in WAYS:
            cells, nfe = [], ""
            for dtype, state in COLUMNS:
                try:
                    found, made = trip(way, steps, guidance, dtype, state)
                except UserError as error:
                    cells.append(refused(error))
                else:
                    nfe = f"{found.settings.evaluations} + {made.evaluations}"
                    cells.append(cell(rms(made.latent, found.latent), found.deviation))
            if way.method == "bdia":
                try:
                    last, back = scheduler_trip(way.options["gamma"], steps, guidance, torch.float16)
                    cells.append(cell(rms(back, picture_latent()), float(last.double().std(correction=0))))
                except UserError as error:
                    cells.append(refused(error))
            else:
                cells.append("")
            yield f"| {steps}, {guidance:g} | {way.words} | {nfe} | {' | '.join(cells)} |"


def grid_trips(settings: list[tuple[int, float]]) -> Iterator[str]:
    """The rows of the grid: four types of network, states in float64; and what it costs."""
    for steps, guidance in settings:
        cells, costs = [], []
        for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
            found, made = trip(GRID, steps, guidance, dtype, torch.float64)
            cells.append(cell(rms(made.latent, found.latent), found.deviation))
        plain, grid = (trip(way, steps, guidance, torch.float64, torch.float64) for way in (WAYS[2], GRID))
        pairs = [(plain.inverted.kept.states, grid.inverted.kept.states)]
        edits = [edit(pipeline(torch.float64), each.inverted, _EDIT) for each in (plain, grid)]
        pairs.append((edits[0].latent, edits[1].latent))
        costs = [f"{float((a - b).abs().max()):.0e}" for a, b in pairs]
        grey = int(np.abs(edits[0].picture.astype(int) - edits[1].picture).max())
        yield f"| {steps}, {guidance:g} | {' | '.join([*cells, *costs])} | {grey} |"


def reconstructions() -> Iterator[str]:
    """The rows of the methods that are not exact, with the source prompt, float64."""
    for steps, guidance in RECONSTRUCTED:
        way = Way("", "ddim", {})
        plain = trip(way, steps, 1.0, torch.float64, torch.float64, guidance_scale=guidance)
        others = [
            trip(Way("", name, {}), steps, guidance, torch.float64, torch.float64)
            for name in ("null_text", "negative_prompt")
        ]
        cells = [
            f"{rms(made.latent, found.latent):.2f}, {found.settings.evaluations} + {made.evaluations}"
            + (f", {found.settings.gradients} gradients" if found.settings.gradients else "")
            for found, made in (plain, *others)
        ]
        yield f"| {steps}, {guidance:g} | {' | '.join(cells)} |"


@click.command(help=__doc__.partition("\n")[0] if __doc__ else None)
@click.option("--steps", "chosen", default=(10, 50), type=int, show_default=True, multiple=True)
def main(chosen: tuple[int, ...]) -> None:
    """Prints the page."""
    disable_progress_bar()
    set_verbosity_error()
    warnings.simplefilter("ignore")  # of gammas below 0.9, which are here to be seen
    settings = [(steps, guidance) for steps in chosen for guidance in GUIDANCES]
    refusals: dict[str, str] = {}
    click.echo(INTRODUCTION)
    click.echo(_header("steps, guidance", "method", "NFE", *COLUMN_WORDS))
    for row in round_trips(settings, refusals):
        click.echo(row)
    click.echo("\nWhat is said where it is refused, before the first evaluation:\n")
    for words, mark in refusals.items():
        click.echo(f"[{mark}] `{words}`\n")
    click.echo(GRID_WORDS)
    networks = ("network float64", "float32", "float16", "bfloat16")
    click.echo(_header("steps, guidance", *networks, "pair", "edit", "grey levels"))
    for row in grid_trips(settings):
        click.echo(row)
    click.echo(RECONSTRUCTION_WORDS)
    click.echo(_header("steps, guidance", "plain", "null-text", "negative-prompt"))
    for row in reconstructions():
        click.echo(row)


def _header(*names: str) -> str:
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


if __name__ == "__main__":
    main()
