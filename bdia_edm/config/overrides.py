"""Options as Hydra's text: values written so that they are read back as they are, and names kept as they are typed."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, RangeSweep
from hydra.errors import HydraException

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.config.editing_config import Edit
from bdia_edm.config.generation_config import GenerationOptions
from bdia_edm.config.interpolation_config import InterpolationOptions
from bdia_edm.config.model_card import MODEL_KINDS
from bdia_edm.config.run_config import RunOptions
from bdia_edm.samplers.registry import SAMPLERS

__all__ = [
    "as_typed",
    "check_sweep",
    "check_words",
    "differences",
    "names_as_typed",
    "option_names",
    "override",
    "swept_together",
]

_GROUPS = ("model", "sampler", "detector", "experiment")
_OF_COMPARISONS = ("experiment", "grid", "blocks", "select", "task")
_MOST_POINTS = 10_000


def override(name: str, value: Any) -> str:
    """``name=value`` such that Hydra makes the same value of it: a text, number, null, list or mapping."""
    return f"{name}={_written(value)}"


def differences(wanted: Mapping[str, Any], got: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """The overrides that give a config ``got`` the values of ``wanted``; what only ``got`` has stays."""
    for key, value in wanted.items():
        name, there = f"{where}{key}", got.get(key)
        if isinstance(value, Mapping) and (isinstance(there, Mapping) or key not in got):
            yield from differences(value, there or {}, f"{name}.")
        elif key not in got or type(value) is not type(there) or value != there:
            yield ("" if key in got else "+") + override(name, value)


def names_as_typed(words: Sequence[str]) -> list[str]:
    """The command line with those values of options for texts quoted that Hydra would take for a number or not read.

    A folder ``2024_01_01`` is no 20240101, and a model ``1_0`` no 10; of ``a,b`` each, since a sweep takes them apart.
    """
    texts = _text_options()
    return [as_typed(word) if word.lstrip("+").partition("=")[0] in texts else word for word in words]


def as_typed(word: str) -> str:
    """``names_as_typed`` of one option, which is known to take texts."""
    name, _, value = word.partition("=")
    if "=" not in word:
        return word
    if set(value) & set("'\"[]{}()$"):
        # Hydra's own writing, or a path such as "it's (1).pkl".
        return word if _is_readable(value) else f"{name}={_quoted(value)}"
    return f"{name}={','.join(map(_kept, value.split(',')))}"


def _kept(text: str) -> str:
    read = _read(text)
    # A '~' is left for check_words to refuse: the shell did not make the home folder of it.
    if read is None and not text.startswith("~") and not _is_readable(text):
        # What else than letters, digits and a few signs is in it: a URL's '=' and '&', an 'é'.
        return _quoted(text)
    # Of numbers only a whole one as it is usually written becomes the same text again.
    as_it_is = not isinstance(read, int | float) or (type(read) is int and str(read) == text.strip())
    return text if as_it_is else f"'{text.strip()}'"


def check_words(words: Sequence[str]) -> None:
    """Raises UserError at the first option on a command line that Hydra would not read, and says how to write it."""
    for word in words:
        name, equals, value = word.partition("=")
        if not name.lstrip("+") or (not equals and not name.startswith("~")):
            raise UserError(f"{printable(_short(word))}: must be an option and its value, NAME=VALUE")
        try:
            read = OverridesParser.create().parse_override(word)
        except RecursionError as error:
            raise UserError(f"{name}={_short(value)}: nested too deep") from error
        except ValueError as error:  # Python's bound on the digits of a number
            raise UserError(f"{name}={_short(value)}: a number of too many digits") from error
        except HydraException as error:
            quoted = f'{name}="{value}"' if "'" in value else f"{name}='{value}'"
            raise UserError(
                f"{printable(_short(word))}: cannot be read as it is; a value with other signs than letters, digits "
                f"and -_./:%+@ stands in quotes of its own within the shell's: {_in_shells_quotes(_short(quoted))}"
            ) from error
        choice, group = read.value(), read.key_or_group
        if group not in _GROUPS or read.is_delete() or read.is_sweep_override():
            continue
        # An experiment may be put together of several, and a run measured by several detectors.
        if not isinstance(choice, str | dict | (list if group in ("experiment", "detector") else str)):
            raise UserError(f"{word}: must be the name of a card; --help lists those there are")
        if isinstance(choice, str) and word.startswith("++"):
            raise UserError(f"{word}: a card is chosen with one plus sign or none")


def check_sweep(words: Sequence[str]) -> None:
    """Raises UserError where a sweep has no point, or more than anybody waits for: Hydra lists all before the first."""
    points = 1.0
    for word in words:
        sweep: Any = OverridesParser.create().parse_override(word).value()
        if isinstance(sweep, ChoiceSweep):
            points *= len(sweep.list)
        elif isinstance(sweep, RangeSweep):
            assert sweep.start is not None
            assert sweep.stop is not None
            points *= max(0, (sweep.stop - sweep.start) / sweep.step) if sweep.step else math.inf
        elif isinstance(sweep, Glob) and word.lstrip("+").partition("=")[0] not in _GROUPS:
            raise UserError(f"{word}: glob is for the names of cards ({', '.join(_GROUPS)})")
    if not 0 < points <= _MOST_POINTS:
        raise UserError(f"-m: a sweep of {points:,.0f} points; must be from 1 to {_MOST_POINTS:,}")


def swept_together(words: Sequence[str]) -> list[str]:
    """A sweep's options, with those of models, samplers and detectors swept, if over one value, where one of these is.

    Hydra begins with the config of what is not swept: in it ``detector=none`` and ``sampler.S_churn=5`` would be of a
    model that is not chosen and of another sampler.
    """
    sweeps = {word for word in words if OverridesParser.create().parse_override(word).is_sweep_override()}
    if not any(_top(word) in _GROUPS and "." not in word.partition("=")[0] for word in sweeps):
        return list(words)
    return [_swept(word) if _top(word) in _GROUPS and word not in sweeps else word for word in words]


def _swept(word: str) -> str:
    name, _, value = word.partition("=")
    return f"{name}=choice({value})" if value and not name.startswith("~") else word


def _top(word: str) -> str:
    return word.lstrip("+").partition("=")[0].partition(".")[0]


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:60]}... ({len(text):,} characters)"


def _in_shells_quotes(text: str) -> str:
    return f'"{text}"' if "'" in text and not set(text) & set('"$`\\!') else shlex.quote(text)


def option_names() -> list[str]:
    """All options of runs of any kind, as the user types them: 'seeds', 'sampler.gamma'."""
    return ["model", "sampler", "detector", "seeds", *dict(_options()), *_OF_COMPARISONS]


def _text_options() -> set[str]:
    return {name for name, hint in _options() if hint in (str, str | None)}


def _options() -> Iterator[tuple[str, Any]]:
    """Name and type; of all samplers and kinds of models."""
    sections: list[tuple[str, Any]] = [("", RunOptions), ("", InterpolationOptions), ("", GenerationOptions)]
    sections += [("edit.", Edit), ("detector.", DetectorCard)]
    sections += [("model.", MODEL_KINDS[name]) for name in MODEL_KINDS.names()]
    sections += [("sampler.", SAMPLERS[name]) for name in SAMPLERS.names()]
    for where, kind in sections:
        hints = get_type_hints(kind)
        yield from ((f"{where}{each.name}", hints[each.name]) for each in fields(kind))


def _is_readable(text: str) -> bool:
    try:
        OverridesParser.create().parse_override(f"x={text}")
    except (HydraException, ValueError, RecursionError):
        return False
    return True


def _read(text: str) -> Any:
    """What Hydra makes of an option's value; None where it cannot read it."""
    try:
        return OverridesParser.create().parse_override(f"x={text}").value()
    except (HydraException, ValueError, RecursionError):
        return None


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, str):
        # The values are resolved: nothing in them refers to another option.
        value = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + "\\${", value)
        # Alone and within a list.
        return value if _read(value) == value and _read(f"[{value}]") == [value] else _quoted(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_written(key)}:{_written(each)}' for key, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    return str(value)


def _quoted(text: str) -> str:
    """In Hydra's quotes, where backslashes count before a quote only."""
    text = re.sub(r"(\\*)'", lambda found: found[1] * 2 + "\\'", text)
    text = re.sub(r"(\\+)$", lambda found: found[1] * 2, text)
    return f"'{text}'"
