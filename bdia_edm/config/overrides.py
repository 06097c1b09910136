"""Options as Hydra's text: values written so that they are read back as they are, and names kept as they are typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.config.model_card import MODEL_KINDS
from bdia_edm.config.run_config import RunOptions
from bdia_edm.samplers.registry import SAMPLERS

__all__ = ["differences", "names_as_typed", "option_names", "override"]


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
    """The command line with the values of options that are texts quoted where Hydra would make a number of them.

    A folder ``2024_01_01`` is no 20240101, and a model ``1_0`` no 10; of ``a,b`` each, since a sweep takes them apart.
    """
    texts = _text_options()
    return [_as_typed(word) if word.lstrip("+").partition("=")[0] in texts else word for word in words]


def _as_typed(word: str) -> str:
    name, _, value = word.partition("=")
    if "=" not in word or set(value) & set("'\"[]{}()$"):
        return word
    return f"{name}={','.join(map(_kept, value.split(',')))}"


def _kept(text: str) -> str:
    read = _read(text)
    # Of numbers only a whole one as it is usually written becomes the same text again.
    as_it_is = not isinstance(read, int | float) or (type(read) is int and str(read) == text.strip())
    return text if as_it_is else f"'{text.strip()}'"


def option_names() -> list[str]:
    """All options of a run, as the user types them: 'seeds', 'sampler.gamma'."""
    return ["model", "sampler", "detector", "seeds", *dict(_options())]


def _text_options() -> set[str]:
    return {name for name, hint in _options() if hint in (str, str | None)}


def _options() -> Iterator[tuple[str, Any]]:
    """Name and type; of all samplers and kinds of models."""
    sections: list[tuple[str, Any]] = [("", RunOptions), ("detector.", DetectorCard)]
    sections += [("model.", MODEL_KINDS[name]) for name in MODEL_KINDS.names()]
    sections += [("sampler.", SAMPLERS[name]) for name in SAMPLERS.names()]
    for where, kind in sections:
        hints = get_type_hints(kind)
        yield from ((f"{where}{each.name}", hints[each.name]) for each in fields(kind))


def _read(text: str) -> Any:
    """What Hydra makes of an option's value; None where it cannot read it."""
    try:
        return OverridesParser.create().parse_override(f"x={text}").value()
    except HydraException:
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
