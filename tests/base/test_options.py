"""Options as fields of dataclasses: their ranges and words, and reading them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import check_ranges, option, options_of, read_options, require


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
        ({"count": 1, "nmae": "y"}, "o.nmae=y: unknown option; o takes count, name, level, keep; did you mean name?"),
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


@dataclass
class Oven:
    trays: int = option(words="of bread", low=1)
    degrees: float = option(200.0, words="heat", unit="°C", low=0, high=300)
    minutes: float | None = option(None, words="how long", above=0, default_words="until it is done")
    mode: str = option("fan", words="of heating", one_of=("fan", "grill"))
    note: str = option("", words="for the baker")
    loaves: int = 3

    def __post_init__(self) -> None:
        check_ranges(self, "oven")


def test_an_option_has_its_default_and_its_facts() -> None:
    facts = {found.name: (found.default, facts.words, facts.unit, facts.allowed) for found, facts in options_of(Oven)}
    assert facts.pop("trays")[1:] == ("of bread", "", "at least 1")
    assert facts == {
        "degrees": (200.0, "heat", "°C", "from 0 to 300"),
        "minutes": (None, "how long", "", "above 0 and finite"),
        "mode": ("fan", "of heating", "", "one of fan, grill"),
        "note": ("", "for the baker", "", ""),
    }
    words = {found.name: facts.default_words for found, facts in options_of(Oven)}
    assert (words["minutes"], words["degrees"]) == ("until it is done", "")
    # What is not said to be an option is none; an object's are those of its class.
    assert [found.name for found, _ in options_of(Oven(trays=1))] == ["trays", "degrees", "minutes", "mode", "note"]


def test_the_ends_of_a_range() -> None:
    for degrees in (0, 300):
        assert Oven(1, degrees).degrees == degrees
    assert Oven(minutes=1e-9, trays=1).minutes == 1e-9
    assert read_options(Oven, {"trays": 2}, "oven") == Oven(trays=2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "oven.trays: missing"),
        ({"trays": 0}, "oven.trays=0: must be at least 1"),
        ({"trays": 1, "degrees": 301}, "oven.degrees=301.0: must be from 0 to 300"),
        ({"trays": 1, "degrees": -1}, "oven.degrees=-1.0: must be from 0 to 300"),
        ({"trays": 1, "minutes": 0}, "oven.minutes=0.0: must be above 0 and finite"),
        ({"trays": 1, "minutes": math.inf}, "oven.minutes=inf: must be above 0 and finite"),
        ({"trays": 1, "mode": "steam\n"}, r"oven.mode='steam\n': must be one of fan, grill"),
    ],
)
def test_values_out_of_their_range(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_options(Oven, values, "oven")
    assert str(error.value) == message


def test_options_at_the_top_have_no_prefix() -> None:
    with pytest.raises(UserError, match=r"^colour=red: unknown option; there are count, name, level, keep$"):
        read_options(Options, {"count": 1, "colour": "red"}, "")
