"""Which of the images are chosen."""

from __future__ import annotations

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.indices import chosen_numbers


def test_all_or_those_that_are_named() -> None:
    assert chosen_numbers(None, 3, "a picture", "pictures") == range(3)
    assert list(chosen_numbers("0,2-3", 4, "a picture", "pictures")) == [0, 2, 3]


@pytest.mark.parametrize(
    ("indices", "said"),
    [
        ("0-4", "indices=0-4: must be below 4, the number of pictures"),
        ("1,1", "indices"),
        ("x", "indices"),
    ],
)
def test_mistakes(indices: str, said: str) -> None:
    with pytest.raises(UserError, match=f"^{said}"):
        chosen_numbers(indices, 4, "a picture", "pictures")
