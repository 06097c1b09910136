"""The options of ``fid protocols``: what is refused before anything is read."""

from __future__ import annotations

from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.run.comparing_protocols import Comparing


def test_the_defaults_are_fit() -> None:
    assert Comparing().num == ()
    assert Comparing(num=(2, 50_000)).num == (2, 50_000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num": (1,)}, r"^num=1: must be at least 2, and stand there once$"),
        ({"num": (10, 10)}, r"^num=10: must be at least 2, and stand there once$"),
        ({"seed": -1}, r"^seed=-1: must be at least 0$"),
        ({"batch": 0}, r"^batch=0: must be at least 1$"),
        ({"float_range": "0..255"}, r"^float_range=0\.\.255: must be one of "),
        ({"nvidia_sha256": "ab"}, r"^nvidia_sha256=ab: is for nvidia, which is not given$"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Comparing(**options)
