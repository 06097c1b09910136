"""python -m bdia_edm.fid: the distance of images that any program made, and reference statistics for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import Field
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click

from bdia_edm.base.errors import one_line_errors
from bdia_edm.base.lines import to_stdout
from bdia_edm.base.option_names import options_named
from bdia_edm.base.options import Option, options_of
from bdia_edm.base.registry import Registry
from bdia_edm.base.urls import without_secrets
from bdia_edm.base.usage import Group
from bdia_edm.config.common_config import import_modules
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.metrics.metric import METRICS
from bdia_edm.report.protocol_table import protocol_table
from bdia_edm.run.comparing_protocols import Comparing
from bdia_edm.run.measurement import FEATURES_KEPT, Measuring, make_reference, measure
from bdia_edm.run.protocols import PROTOCOLS, split_references
from bdia_edm.run.rosetta import compare_protocols

__all__ = ["main"]

_NAMES: dict[str, Registry[Any]] = {"detector": DETECTORS, "metric": METRICS}


class _Name(click.ParamType):
    """A name of a registry; the help shows all, and a wrong one ends as every wrong option does."""

    name = "name"

    def __init__(self, registry: Registry[Any]) -> None:
        self.registry = registry

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return f"[{'|'.join(self.registry.names())}]"


def _flag(option: str) -> str:
    """An argument of ``measure`` as it is typed here: 'detector_path' is '--detector-path', 'force=True' '--force'."""
    return f"--{option.removesuffix('=True').replace('_', '-')}"


def _click_option(found: Field[Any], hint: Any, facts: Option, required: bool) -> Callable[[Any], Any]:
    kind: Any = int if int in (hint, *get_args(hint)) else str
    if facts.one_of:
        kind = click.Choice(facts.one_of)
    elif found.name in _NAMES:
        kind = _Name(_NAMES[found.name])
    allowed = f"; {facts.allowed}" if facts.allowed and not facts.one_of else ""
    return click.option(
        _flag(found.name),
        type=kind,
        required=required,
        default=None if required else found.default,
        multiple=isinstance(found.default, tuple),
        show_default=not required and (facts.default_words or found.default is not None),
        help=facts.words + allowed,
        is_eager=found.name == "modules",
        callback=_import if found.name == "modules" else None,
    )


def _options(
    kind: type,
    left_out: tuple[str, ...] = (),
    required: tuple[str, ...] = (),
    instead: str = "a line",
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of the dataclass ``kind`` in its order, and --json, which prints an object ``instead`` of that."""
    hints = get_type_hints(kind)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        words = f"print a JSON object instead of {instead}"
        command = click.option("--json", "as_json", is_flag=True, help=words)(command)
        for found, facts in reversed(list(options_of(kind))):
            if found.name not in left_out:
                command = _click_option(found, hints[found.name], facts, found.name in required)(command)
        return command

    return decorate


def _import(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Before the help asks what detectors and metrics there are."""
    with _errors_of_the_command():
        import_modules(names)
    return names


@contextmanager
def _errors_of_the_command() -> Iterator[None]:
    with one_line_errors(), options_named(_flag):
        yield


@click.group(cls=Group)
def main() -> None:
    """Measures images that other programs made."""


@main.command()
@click.option("--images", required=True, metavar="DIR|ZIP|NPZ", help="images below a folder or in a zip; npz: arr_0")
@click.option("--ref", required=True, metavar="FILE|URL", help="npz with mu and sigma; embedded:NAME is one of ours")
@click.option(
    "--ref-features",
    metavar="FILE|URL",
    help="npz with features of the data, where a metric needs them and REF keeps no such",
)
@_options(Measuring)
def calc(images: str, ref: str, ref_features: str | None, as_json: bool, **options: Any) -> None:
    """Prints the figures of the images against the reference: by default the Fréchet distance."""
    with _errors_of_the_command():
        result = measure(images, ref, Measuring(**options), ref_features=ref_features)
    figures = ", ".join(f"{name} {value:.10g}" for name, value in result["metrics"].items())
    num = result.get("num_reference_features")
    features = "" if num is None else f", features of {num} images"
    _print(result, f"{figures}: {_words(result)}, from {without_secrets(ref)}{features}", as_json)


@main.command(name="ref")
@click.option("--data", required=True, metavar="DIR|ZIP|NPZ", help="images below a folder or in a zip; npz: arr_0")
@click.option("--dest", required=True, type=click.Path(path_type=Path), metavar="FILE.npz", help="what is written")
@click.option("--force", is_flag=True, help="replace DEST where it exists")
@click.option(
    "--features",
    type=click.IntRange(min=0),
    metavar="[N]",
    is_flag=False,
    flag_value=FEATURES_KEPT,
    default=0,
    help="keep features of N images too, or of all where there are fewer: some metrics need them "
    f"[without N: {FEATURES_KEPT}]",
)
@_options(Measuring, left_out=("metric",), required=("detector",))
def reference(data: str, dest: Path, force: bool, features: int, as_json: bool, **options: Any) -> None:
    """Writes the reference statistics of the images."""
    with _errors_of_the_command():
        result = make_reference(data, dest, Measuring(**options), force=force, features=features)
    kept = f", features of {result['num_features_kept']} kept" if features else ""
    _print(result, f"{dest}: {_words(result)}{kept}", as_json)


@main.command()
@click.option(
    "--images", required=True, metavar="DIR|ZIP|NPZ", help="images below a folder or in a zip; npz: arr_0, floats too"
)
@click.option(
    "--ref",
    "refs",
    required=True,
    multiple=True,
    metavar="DIR|ZIP|NPZ|NAME=FILE",
    help="the data's images, once, of which each protocol makes its own statistics; NAME=FILE gives the protocol NAME "
    f"({', '.join(protocol.name for protocol in PROTOCOLS)}) an npz with mu and sigma instead",
)
@_options(Comparing, instead="a table")
def protocols(images: str, refs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Prints the images' FID under every protocol in use, a row each, as a Markdown table."""
    with _errors_of_the_command():
        data, references = split_references(refs)
        result = compare_protocols(images, data, Comparing(**options), references=references)
    checksums = ", ".join(f"{name} {checksum[:12]}" for name, checksum in result["checksums"].items())
    made = f"Batch {result['batch']} on {result['device']} (sha256: {checksums}). Again: `{result['command']}`"
    _print(result, f"{protocol_table(result['rows'], result['compared_with'])}\n{made}", as_json)


def _words(result: dict[str, Any]) -> str:
    checksums = ", ".join(f"{name} {checksum[:12]}" for name, checksum in result["checksums"].items())
    drawn = f" of {result['num_found']}, drawn by seed {result['seed']}"
    return (
        f"{result['num_images']} images{drawn if result['num_images'] < result['num_found'] else ''}, "
        f"detector {result['detector']}, batch {result['batch']} on {result['device']} (sha256: {checksums})"
    )


def _print(result: dict[str, Any], line: str, as_json: bool) -> None:
    to_stdout(json.dumps(result, indent=2) if as_json else line)


if __name__ == "__main__":
    main()
