"""The options of an interpolation."""

from __future__ import annotations

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_values
from bdia_edm.config.interpolation_config import InterpolationConfig, InterpolationOptions, read_interpolation_config
from bdia_edm.config.inversion_config import read_inversion_config


def read(*options: str) -> InterpolationConfig:
    return read_interpolation_config(compose_values(["+model=digits", *options], command="interpolate"))


def test_conf_has_inverts_options_and_the_default() -> None:
    inversion = compose_values(["+model=digits"], command="invert")
    found = compose_values(["+model=digits"], command="interpolate")
    assert found == inversion | {"frames": InterpolationOptions.frames}


def test_it_is_the_same_inversion() -> None:
    options = ["+model=digits", "indices=0-3", "sampler=edict"]
    inversion = read_inversion_config(compose_values(options, command="invert"))
    config = read(*options[1:], "frames=5")
    assert config.frames == 5
    assert config.source == inversion.source
    assert dict(config.deciding()) == dict(inversion.deciding())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["frames=2"], "frames=2: must be from 3 to 1000"),
        (["frames=1001"], "frames=1001: must be from 3 to 1000"),
        (["frames=a"], "frames=a: must be a whole number"),
        (["indices=0-2"], "indices=0-2: 3 images; must be an even number"),
        (["indices=0-129"], "indices=0-129: 130 images; must be 128 at most, 64 pairs"),
        (["sampler=edm"], "sampler=edm: has no inverse"),
    ],
)
def test_what_is_refused(options: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        read(*options)
    assert str(error.value).startswith(message)


def test_all_images_are_pairs_where_they_are_few() -> None:
    assert list(read().chosen(4)) == [0, 1, 2, 3]
    assert list(read("indices='5,2'").chosen(6)) == [5, 2]
    with pytest.raises(UserError, match=r"^indices=null: 3 images; must be an even number"):
        read().chosen(3)
    with pytest.raises(UserError, match=r"^indices=null: 1,797 images; must be 128 at most"):
        read().chosen(1797)
