"""What several runs hold at the same time is loaded once."""

from __future__ import annotations

import gc

from bdia_edm.run.loaded_once import loaded_once


class Part:
    """Something large."""


def test_it_is_the_same_for_all_who_hold_it() -> None:
    made: list[int] = []

    def load() -> Part:
        made.append(1)
        return Part()

    first = loaded_once(("part", 1), load)
    assert loaded_once(("part", 1), load) is first
    assert loaded_once(("part", 2), load) is not first
    assert len(made) == 2
    del first
    gc.collect()
    # Nobody held it any more.
    again = loaded_once(("part", 1), load)
    assert len(made) == 3
    assert again is loaded_once(("part", 1), load)
