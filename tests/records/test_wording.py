"""Runs in words."""

from __future__ import annotations

from bdia_edm.records.wording import in_words, run_words, shortened

LABELS = {"sampler": "bdia rho=5.0", "title": "BDIA", "columns": {"backward": "euler", "gamma": 0.1}}


def test_columns_in_words() -> None:
    assert in_words({"backward": "euler", "gamma": 0.1}) == "euler, gamma 0.1"
    assert in_words({"fast": True, "limit": None, "order": 3}) == "fast True, limit None, order 3"
    assert in_words({}) == ""


def test_a_run_in_words() -> None:
    assert run_words(LABELS, 9, "0-999", None) == "bdia rho=5.0, euler, gamma 0.1, 9 steps, seeds 0-999"
    plain = {**LABELS, "sampler": "edm", "columns": {}}
    assert run_words(plain, 18, "7", 3) == "edm, 18 steps, class 3, seeds 7"


def test_long_seeds_keep_their_ends() -> None:
    assert shortened("x" * 60) == "x" * 60
    text = shortened(",".join(str(seed) for seed in range(0, 100_000, 7)))
    assert len(text) < 60
    assert text.startswith("0,7,14,")
    assert text.endswith("99995")
