"""Values from JSON held against a type."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import jsonschema
import pytest

from bdia_edm.records.json_types import AtLeast, checked, parse, schema_of


class Inner(TypedDict, total=False):
    """Within.

    Attributes:
        share: of all.
    """

    share: float


@dataclass
class Outer:
    name: str
    counts: list[int]
    inner: dict[str, Inner]
    least: Annotated[int, AtLeast(2)]
    maybe: str | None = None


GOOD: dict[str, Any] = {"name": "a", "counts": [1, 2], "inner": {"x": {"share": "inf"}}, "least": 2, "more": True}


def test_what_fits_is_kept() -> None:
    found = checked(GOOD, Outer)
    assert found["inner"]["x"]["share"] == math.inf
    assert found["more"] is True
    jsonschema.validate(GOOD, schema_of(Outer))
    assert schema_of(Inner)["properties"]["share"]["description"] == "of all."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": 1}, "name: must be a text"),
        ({"counts": [1, True]}, r"counts\[1\]: must be a whole number"),
        ({"counts": [2**70]}, r"counts\[0\]: must be a whole number below 2\*\*63"),
        ({"inner": {"x": {"share": "much"}}}, "inner.x.share: must be a number"),
        ({"inner": []}, "inner: must be an object"),
        ({"least": 1}, "least: must be a whole number from 2"),
        ({"maybe": 3}, "maybe: must be a text or null"),
    ],
)
def test_what_does_not_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked({**GOOD, **change}, Outer)
    with pytest.raises(ValueError, match="name: missing"):
        checked({name: value for name, value in GOOD.items() if name != "name"}, Outer)


def test_nothing_is_nested_without_end() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse("[" * 100_000)
    deep: Any = 0
    for _ in range(70):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        checked({**GOOD, "more": deep}, Outer)
