"""The options of an edit."""

from __future__ import annotations

from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_values
from bdia_edm.config.editing_config import EditingConfig, read_editing_config


def read(*options: str) -> EditingConfig:
    return read_editing_config(compose_values(["+model=digits", *options], command="edit"))


def test_the_defaults_are_an_inversions_and_the_next_class() -> None:
    config = read()
    assert (config.edit.class_idx, config.edit.step, config.edit.partner) == ("next", 0, "keep")
    assert config.detector.name == "digits"
    assert config.sampler.options()["backward"] == "euler"
    # A record's config says all of it.
    assert {"edit", "detector"} <= set(config.source)
    assert "inverse" not in config.source


def test_what_decides() -> None:
    def deciding(*options: str) -> dict[str, Any]:
        return dict(read(*options).deciding())

    plain = deciding()
    assert deciding("workers=2", "images=elsewhere", "detector.sha256=" + "0" * 64) == plain
    for other in ("edit.step=3", "edit.class_idx=4", "edit.partner=drop", "detector=pixels", "indices=0-9"):
        assert deciding(other) != plain, other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["edit.step=8"], "edit.step=8: must be below 8, the steps between the noise levels"),
        (["edit.step=-1"], "edit.step=-1: must be from 0 to 1000000"),
        (["edit.class_idx=first"], "edit.class_idx=first: must be next or a number from 0"),
        (["edit.partner=both"], "edit.partner=both: must be one of keep, drop"),
        (["sampler=heun", "edit.partner=drop"], "edit.partner=drop: must be keep with sampler=heun"),
        (["sampler=ipndm"], "sampler=ipndm: has no inverse"),
    ],
)
def test_what_is_refused(options: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        read(*options)
    assert str(error.value).startswith(message)


def test_what_must_be_fetched() -> None:
    """Without a detector no reference statistics either."""
    of_cifar = ["model.path=https://a/net.pkl", "model.reference=https://a/ref.npz"]
    with_detector = read_editing_config(compose_values(["+model=cifar10", *of_cifar], command="edit"))
    assert len(with_detector.remote_files) == 3
    without = read_editing_config(compose_values(["+model=cifar10", *of_cifar, "detector=none"], command="edit"))
    assert [file.url for file in without.remote_files] == ["https://a/net.pkl"]
