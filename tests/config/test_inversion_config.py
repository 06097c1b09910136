"""The options of an inversion."""

from __future__ import annotations

from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_values
from bdia_edm.config.inversion_config import InversionConfig, read_inversion_config, refuse_detector


def read(*options: str) -> InversionConfig:
    return read_inversion_config(compose_values(["+model=digits", *options], command="invert"))


def test_the_defaults_have_an_inverse() -> None:
    """The card's settings are for sampling; its trapezoid has none."""
    config = read()
    assert (config.sampler.options()["gamma"], config.sampler.options()["backward"]) == (1.0, "euler")
    assert not {"inverse", "detector"} & set(config.source)
    assert read("sampler=obelm").sampler.name == "obelm"
    assert read("sampler=euler", "iterations=3").iterations == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["sampler=edm"], "sampler=edm: has no inverse; one of bdia, edict, euler, heun, obelm, rex"),
        (["sampler.backward=trapezoid"], "sampler.backward=trapezoid: no exact inverse"),
        (["sampler.gamma=0"], "sampler.gamma=0: no exact inverse"),
        (["sampler=euler", "sampler.afs=true"], "sampler.afs=True: must be false"),
        (["iterations=2"], "iterations=2: must be 0 with sampler=bdia, whose inverse is exact"),
        (["sampler=euler", "iterations=-1"], "iterations=-1: must be from 0 to 1000"),
        (["indices=5-2"], "indices=5-2: the range 5-2 is reversed"),
        (["indices=a"], "indices=a: a is no number of an image"),
        (["class_idx=-1"], "class_idx=-1: must be from 0 to 1000000"),
    ],
)
def test_what_is_refused(options: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        read(*options)
    assert str(error.value).startswith(message)


def test_numbers_of_images() -> None:
    assert list(read("indices='0-2,5'").chosen(6)) == [0, 1, 2, 5]
    assert list(read().chosen(3)) == [0, 1, 2]
    with pytest.raises(UserError, match=r"indices=0-2,5: must be below 5, the number of images"):
        read("indices='0-2,5'").chosen(5)


def test_what_decides() -> None:
    def deciding(*options: str) -> dict[str, Any]:
        return dict(read(*options).deciding())

    plain = deciding()
    assert deciding("images=/somewhere", "batch_size=3", "workers=2", "results_dir=x") == plain
    for other in ("indices=0-9", "class_idx=3", "sampler.num_steps=4", "block_size=9"):
        assert deciding(other) != plain


def test_a_detector_is_refused() -> None:
    refuse_detector(["+model=digits", "sampler=obelm"])
    for word in ("detector=inception", "detector.path=x", "+detector.path=x"):
        with pytest.raises(UserError, match="without a detector; leave it out"):
            refuse_detector([word])
