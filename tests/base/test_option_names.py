"""Options are called what the user calls them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named, options_named
from bdia_edm.base.options import check_ranges, option, read_options
from bdia_edm.base.registry import Registry


@dataclass(frozen=True)
class Some:
    num: int = option(3, words="how many", low=2)

    def __post_init__(self) -> None:
        check_ranges(self, "")


def dashed(name: str) -> str:
    return f"--{name}"


def test_the_outer_place_has_the_last_word() -> None:
    assert named("num") == "num"
    with options_named(dashed):
        assert named("num") == "--num"
        with options_named(lambda name: name.replace(".", "-")):
            assert named("detector.path") == "--detector-path"
        assert named("detector.path") == "--detector.path"
    assert named("num") == "num"


def test_an_error_ends_it() -> None:
    with pytest.raises(KeyError), options_named(dashed):
        raise KeyError
    assert named("num") == "num"


def test_checks_use_the_users_names() -> None:
    for check in (
        lambda: Some(1),
        lambda: read_options(Some, {"num": 1.5}, ""),
        lambda: read_options(Some, {"x": 1}, ""),
    ):
        with pytest.raises(UserError, match=r"^(num|x)=1"):
            check()
        with pytest.raises(UserError, match=r"^--(num|x)=1"), options_named(dashed):
            check()
    with pytest.raises(UserError, match=r"^--metric=none: must be one of "), options_named(dashed):
        Registry("metric", "bdia_edm.metrics")["none"]
