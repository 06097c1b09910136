"""The methods by name, and their options."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.method import METHODS, last, make_method


def test_all_that_there_are() -> None:
    assert METHODS.names() == ["bdia", "ddim", "edict", "negative_prompt", "null_text", "obelm"]
    assert [name for name in METHODS.names() if METHODS[name].exact] == ["bdia", "edict", "obelm"]
    for name in METHODS.names():
        assert make_method(name, {}).name == name


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("bdia", {"gamma": -0.1}, r"gamma=-0.1: must be from 0 to 1"),
        ("bdia", {"gamma": "1"}, r"gamma=1: must be a number"),
        ("bdia", {"seed": "time"}, r"seed=time: must be one of time_0"),
        ("edict", {"p": 0.3}, r"p=0.3: must be from 0.5 to 1"),
        ("null_text", {"inner_steps": 0}, r"inner_steps=0"),
        ("negative_prompt", {"gama": 1}, r"gama: unknown option; method=negative_prompt has no options"),
    ],
)
def test_wrong_options(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        make_method(name, options)


def test_last_holds_no_more_than_asked() -> None:
    assert [int(each) for each in last((torch.tensor(i) for i in range(9)), 2)] == [7, 8]
