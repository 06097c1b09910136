"""The options of measuring by themselves; what they do is in test_measurement."""

from __future__ import annotations

import pytest

from bdia_edm.api import Measuring
from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import options_named
from bdia_edm.base.options import options_of
from bdia_edm.metrics.frechet import Frechet


def test_metrics_by_name_or_as_objects() -> None:
    own = Frechet()
    assert [metric.name for metric in Measuring().metrics] == ["frechet"]
    assert Measuring(metric=own).metrics == [own]
    assert Measuring(metric=[own]).metrics == [own]
    assert isinstance(Measuring(metric="frechet").metrics[0], Frechet)


def test_every_option_has_words() -> None:
    assert all(facts.words and not facts.words.endswith(".") for _, facts in options_of(Measuring))


def test_mistakes_are_told_in_the_users_words() -> None:
    with pytest.raises(UserError, match=r"^num=1: must be at least 2$"):
        Measuring(num=1)
    with options_named(lambda option: f"--{option}"), pytest.raises(UserError, match=r"^--num=1: must be at least 2$"):
        Measuring(num=1)
