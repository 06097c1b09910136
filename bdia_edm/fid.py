"""python -m bdia_edm.fid: the distance of images that any program made, and reference statistics for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bdia_edm.base.errors import one_line_errors
from bdia_edm.run.measurement import MEASURING_DETECTORS, Measuring, make_reference, measure

__all__ = ["main"]


def _measuring_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that both commands have, in the order of the help."""
    options = [
        click.option("--num", type=int, help="how many images; all if not given, fewer are drawn by the seed"),
        click.option("--seed", type=int, default=0, show_default=True, help="draws the images where there are more"),
        click.option("--detector-path", metavar="FILE|URL", help="the detector's file, where it is not its own"),
        click.option("--detector-sha256", metavar="HEX", help="the checksum that this file must have"),
        click.option("--batch", type=int, default=64, show_default=True, help="images at once in the detector"),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
        click.option("--json", "as_json", is_flag=True, help="print a JSON object instead of a line"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def main() -> None:
    """Measures images that other programs made."""


@main.command()
@click.option("--images", required=True, metavar="DIR|ZIP|NPZ", help="images below a folder or in a zip; npz: arr_0")
@click.option("--ref", required=True, metavar="FILE|URL", help="npz with mu and sigma; embedded:NAME is one of ours")
@click.option("--detector", type=click.Choice(MEASURING_DETECTORS), help="by default the one that REF names")
@_measuring_options
def calc(images: str, ref: str, as_json: bool, **options: Any) -> None:
    """Prints the Fréchet distance of the images from the reference."""
    with one_line_errors():
        result = measure(images, ref, Measuring(**options))
    ((name, distance),) = result["metrics"].items()
    _print(result, f"{name} {distance:.10g}: {_words(result)}, from {ref}", as_json)


@main.command(name="ref")
@click.option("--data", required=True, metavar="DIR|ZIP|NPZ", help="images below a folder or in a zip; npz: arr_0")
@click.option("--dest", required=True, type=click.Path(path_type=Path), metavar="FILE.npz", help="what is written")
@click.option("--force", is_flag=True, help="replace DEST where it exists")
@click.option("--detector", required=True, type=click.Choice(MEASURING_DETECTORS))
@_measuring_options
def reference(data: str, dest: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Writes the reference statistics of the images."""
    with one_line_errors():
        result = make_reference(data, dest, Measuring(**options), force=force)
    _print(result, f"{dest}: {_words(result)}", as_json)


def _words(result: dict[str, Any]) -> str:
    checksums = ", ".join(f"{name} {checksum[:12]}" for name, checksum in result["checksums"].items())
    drawn = f" of {result['num_found']}, drawn by seed {result['seed']}"
    return (
        f"{result['num_images']} images{drawn if result['num_images'] < result['num_found'] else ''}, "
        f"detector {result['detector']}, batch {result['batch']} on {result['device']} (sha256: {checksums})"
    )


def _print(result: dict[str, Any], line: str, as_json: bool) -> None:
    click.echo(json.dumps(result, indent=2) if as_json else line)


if __name__ == "__main__":
    main()
