"""What ``--help`` prints for the commands under Hydra, made of the options and of all that can be chosen."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

from bdia_edm.base.options import Option, options_of
from bdia_edm.config.common_config import AnyConfig, ModelConfig
from bdia_edm.config.conf_folder import conf_folder, model_list
from bdia_edm.config.detector_card import DetectorCard, listed_detectors
from bdia_edm.config.editing_config import Edit, EditingConfig
from bdia_edm.config.inversion_config import InversionOptions
from bdia_edm.config.model_card import MODEL_KINDS
from bdia_edm.config.run_config import RunConfig
from bdia_edm.config.trajectory_config import TrajectoryOptions
from bdia_edm.metrics.metric import METRICS
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.sampler import Sampler

__all__ = ["describe_options", "help_text", "listed"]

_WIDTH = 116
_FOOT = """\
Options are Hydra's: name=value; -m runs every combination of comma-separated values; --cfg job shows those in force;
--config-dir=FOLDER adds cards and experiments of your own (FOLDER/model, FOLDER/sampler, FOLDER/experiment, ...).
--list lists the models alone, with published FID and licence; --version tells this program's."""


def help_text(
    what: str,
    examples: Sequence[str],
    folders: Sequence[Path] = (),
    more: Sequence[str] = (),
    config: type[AnyConfig | TrajectoryOptions] = RunConfig,
) -> str:
    """The help of one command.

    Args:
        what: what the command does.
        examples: lines to paste.
        folders: the user's own (--config-dir).
        more: lines about the command's own options, or its files.
        config: the dataclass of its options.
    """
    if not issubclass(config, ModelConfig | TrajectoryOptions):
        lines = [what, "", *(f"  {line}" for line in examples), "", *describe_options(config, ""), ""]
        return "\n".join([*lines, *([*more, ""] if more else []), _FOOT])
    experiments = sorted(
        path.stem for folder in (conf_folder(), *folders) for path in (folder / "experiment").glob("*.yaml")
    )
    samples = issubclass(config, RunConfig)
    every = not issubclass(config, InversionOptions)
    chosen = [name for name in SAMPLERS.names() if every or issubclass(SAMPLERS[name], InvertibleSampler)]
    parts = [what, "", *(f"  {line}" for line in examples), "", *describe_options(config, ""), ""]
    parts += ["+model=NAME, one of", *listed(model_list(*folders)), ""]
    for name in MODEL_KINDS.names():
        parts += [f"model.OPTION= of a card of kind {name}:", *describe_options(MODEL_KINDS[name], "model."), ""]
    parts += [
        f"sampler=NAME, one of {', '.join(chosen)}; all take",
        *describe_options(Sampler, "sampler."),
        "",
    ]
    for name in chosen:
        own = describe_options(SAMPLERS[name], "sampler.", {each.name for each, _ in options_of(Sampler)})
        parts += [f"sampler={name}: {_first_line(SAMPLERS[name])}", *own, ""]
    if issubclass(config, EditingConfig):
        parts += ["edit.OPTION=", *describe_options(Edit, "edit."), ""]
    if issubclass(config, RunConfig | EditingConfig):
        several = "NAME or [NAME,...]" if samples else "NAME"
        detectors = f"detector={several}, of {', '.join(listed_detectors())}"
        parts += [
            *textwrap.wrap(detectors, _WIDTH, subsequent_indent=" " * 8, break_on_hyphens=False),
            *describe_options(DetectorCard, "detector."),
            "",
        ]
    if samples:
        parts += ["metric=[NAME,...]", *listed({name: _first_line(METRICS[name]) for name in METRICS.names()}), ""]
    if more:
        parts += [*more, *([f"experiment=NAME, one of {', '.join(experiments)}"] if samples else []), ""]
    return "\n".join([*parts, _FOOT])


def describe_options(kind: Any, where: str, said: Collection[str] = ()) -> Iterator[str]:
    """One line, or a few, for each option of a dataclass: its name, default, range, unit and words.

    Args:
        said: options that are left out.
    """
    for found, facts in options_of(kind):
        if found.name in said:
            continue
        text = "; ".join(part for part in (facts.words, facts.allowed, facts.unit, _default(found, facts)) if part)
        yield from textwrap.wrap(
            f"{where}{found.name}=  {text}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent=" " * 8,
            break_on_hyphens=False,
        )


def _default(found: Field[Any], facts: Option) -> str:
    if facts.default_words:
        return f"default: {facts.default_words}"
    default = found.default
    if default is MISSING:
        return ""
    if isinstance(default, tuple):
        return f"default [{','.join(map(str, default))}]"
    if default is None or isinstance(default, bool):
        return f"default {'null' if default is None else str(default).lower()}"
    return f"default {default:g}" if isinstance(default, float) else f"default {default}"


def listed(known: dict[str, str]) -> list[str]:
    """Names and their words in two columns."""
    width = max(map(len, known), default=0)
    lines = [f"  {name:<{width}}  {words}" for name, words in known.items()]
    return [part for line in lines for part in textwrap.wrap(line, _WIDTH, subsequent_indent=" " * (width + 4))]


def _first_line(kind: Any) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0] if kind.__doc__ else ""
