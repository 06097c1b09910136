"""Reading options into dataclasses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import read_options, require


@dataclass
class Options:
    count: int
    name: str = "x"
    level: float | None = None
    keep: bool = False


def test_values_and_defaults() -> None:
    assert read_options(Options, {"count": 3, "level": 2}, "o") == Options(3, "x", 2.0, False)
    assert isinstance(read_options(Options, {"count": 3, "level": 2}, "o").level, float)
    # An experiment may be called 7.
    assert read_options(Options, {"count": 3, "name": 7}, "o").name == "7"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "o.count: missing"),
        ({"count": None}, "o.count=null: must be a whole number"),
        ({"count": 1, "level": "high"}, "o.level=high: must be a number or null"),
        ({"count": 1, "keep": 1}, "o.keep=1: must be true or false"),
        ({"count": 1, "name": None}, "o.name=null: must be a text"),
        ({"count": 1, "nmae": "y"}, "o.nmae=y: unknown option; o takes count, name, level, keep"),
    ],
)
def test_mistakes(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_options(Options, values, "o")
    assert str(error.value) == message


def test_require() -> None:
    require(True, "a", 1, "anything")
    with pytest.raises(UserError, match=r"^a=1: must be 2$"):
        require(False, "a", 1, "2")
