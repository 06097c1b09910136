"""Measures what each precision costs in quality and in time, against full float32 on the same seeds.

    python scripts/precision.py > /tmp/precision.md

Of the digits model the distance on three blocks of seeds, with the paired interval of its difference; of the released
networks, with random weights, how far one evaluation moves. A precision that the device cannot do is left out.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import click
import torch

from bdia_edm.api import UserError, finish, prepare
from bdia_edm.models.precision import PRECISIONS
from bdia_edm.models.preconditioning import PRECONDITIONINGS, Preconditioning
from bdia_edm.report.verdict import Run, comparisons_of

__all__ = ["LEVELS", "digits_rows", "main", "network_rows", "random_network"]

LEVELS = (0.02, 0.5, 5.0, 80.0)
"""Noise levels at which the networks are compared."""
_CARDS = Path(__file__).parents[1] / "tests" / "reference" / "checkpoints"


def digits_rows(images: int, device: str, results_dir: str) -> list[str]:
    """Distances over three blocks of seeds of ``images`` each."""
    runs: dict[str, list[Run]] = {}
    for precision in PRECISIONS:
        try:
            prepared = [
                prepare(
                    "+model=digits",
                    "sampler=edm",
                    f"seeds={first}-{first + images - 1}",
                    f"precision={precision}",
                    f"device={device}",
                    f"results_dir={results_dir}",
                )
                for first in (0, 100_000, 200_000)
            ]
        except UserError as error:
            click.echo(f"left out: {error}", err=True)
            continue
        runs[precision] = [Run(finish(run), run.folder) for run in prepared]
    rows = []
    for precision, blocks in runs.items():
        distances = [run.record["metrics"]["fd_digits"] for run in blocks]
        found = comparisons_of(blocks, runs["fp32"]).get("fd_digits") if precision != "fp32" else None
        said = "" if found is None else f"{found.difference:+.2g} ± {found.half_width:.1g}: {found.verdict}"
        rows.append(f"| {precision} | {statistics.mean(distances):.4f} | {statistics.stdev(distances):.2g} | {said} |")
    return rows


def random_network(name: str) -> Preconditioning:
    """A released network's architecture with random weights, none of them near zero as training begins."""
    card = json.loads((_CARDS / f"{name}.json").read_text())
    torch.manual_seed(0)
    network = PRECONDITIONINGS[card["preconditioning"]](**card["init_kwargs"])
    for key, parameter in network.named_parameters():
        if key.endswith(("conv1.weight", "proj.weight", "aux_conv.weight", "out_conv.weight")):
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="linear")
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def network_rows(name: str, batch: int, repetitions: int, device: str) -> list[str]:
    """How far D moves from float32's at ``LEVELS``, and how long one evaluation takes, interleaved."""
    network = random_network(name).to(device)
    kind = torch.device(device).type
    made = {"fp32": network.in_precision("fp32")}
    made |= {each: network.in_precision(each) for each in PRECISIONS if kind == "cuda" or each == "bf16"}
    shape = (batch, network.img_channels, network.img_resolution, network.img_resolution)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
    labels: Any = torch.eye(network.label_dim, device=device)[torch.arange(batch)] if network.label_dim else None
    moved: dict[str, list[float]] = {each: [] for each in made}
    seconds: dict[str, list[float]] = {each: [] for each in made}
    for level in LEVELS:
        expected = made["fp32"](level * noise, level, labels)
        for each, other in made.items():
            difference = other(level * noise, level, labels) - expected
            moved[each].append(float(difference.norm() / expected.norm()))
    for _ in range(repetitions):
        for each, other in made.items():
            seconds[each].append(_seconds(lambda other=other: other(noise, 1.0, labels), kind))
    rows = []
    for each, values in seconds.items():
        ratio = statistics.median(one / its for one, its in zip(seconds["fp32"], values, strict=True))
        far = " | ".join(f"{value:.1e}" for value in moved[each])
        rows.append(f"| {name} | {each} | {far} | {statistics.median(values):.3f} | {ratio:.2f} |")
    return rows


def _seconds(evaluate: Any, kind: str) -> float:
    if kind == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    evaluate()
    if kind == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


@click.command(help=__doc__.partition("\n")[0] if __doc__ else None)
@click.option("--images", default=3000, show_default=True, help="of each block of seeds of the digits model; 0: none")
@click.option("--batch", default=4, show_default=True, help="images of one evaluation of the released networks")
@click.option("--repetitions", default=3, show_default=True, help="timed evaluations of each precision")
@click.option("--network", "networks", default=("edm-cifar10-32x32-cond-vp",), show_default=True, multiple=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--results-dir", default="runs/precision", show_default=True, help="for the digits runs")
def main(images: int, batch: int, repetitions: int, networks: tuple[str, ...], device: str, results_dir: str) -> None:
    """Prints the tables."""
    if images:
        click.echo(f"| precision | distance, 3 x {images} digits | deviation | less fp32's, same seeds |")
        click.echo("| --- | ---: | ---: | --- |")
        click.echo("\n".join(digits_rows(images, device, results_dir)) + "\n")
    levels = " | ".join(f"sigma {level:g}" for level in LEVELS)
    click.echo(f"| network, batch {batch}, random weights | precision | {levels} | seconds | times fp32's rate |")
    click.echo("| --- | --- |" + " ---: |" * (len(LEVELS) + 2))
    for name in networks:
        click.echo("\n".join(network_rows(name, batch, repetitions, device)))


if __name__ == "__main__":
    main()
