"""The variables of torchrun: well formed, malformed, left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.launched import how_to_unset, launch_number, launched_ranks
from tests.commands import run_here

WHOLE = {
    "RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "0",
    "LOCAL_WORLD_SIZE": "1",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RESTART_COUNT": "0",
}
MALFORMED = [
    *((name, text) for name in WHOLE if name != "MASTER_ADDR" for text in ("x", "-1", "1.5", "²", " 1", "9" * 5000)),
    *((name, "0") for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT")),
    ("MASTER_PORT", "65536"),
    ("MASTER_ADDR", "no host"),
    ("MASTER_ADDR", "\033[31mhost"),
    ("RANK", "2"),
    ("LOCAL_RANK", "1"),
]


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)


def test_well_formed(whole: None) -> None:
    assert launched_ranks() == 2
    assert [launch_number(name) for name in ("RANK", "LOCAL_RANK", "MASTER_PORT")] == [1, 0, 29500]
    assert how_to_unset() == (
        "unset RANK WORLD_SIZE MASTER_ADDR MASTER_PORT LOCAL_RANK LOCAL_WORLD_SIZE TORCHELASTIC_RESTART_COUNT"
    )


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
@pytest.mark.parametrize("value", [None, ""])
def test_without_one_of_them_it_is_alone(
    name: str, value: str | None, whole: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    assert launched_ranks() is None


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_malformed(name: str, value: str, whole: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as caught:
        launched_ranks()
    words = str(caught.value)
    assert words.startswith(f"{name}=")
    assert words.isprintable()
    assert words.endswith(f"it is one of torchrun's variables, and where it is left over: {how_to_unset()}")


@pytest.mark.parametrize("name", WHOLE)
def test_the_command_says_it_at_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A single one is enough, whatever else there is."""
    monkeypatch.setenv(name, "x y")
    status, out, err = run_here(capsys, "sample", "+model=digits", f"results_dir={tmp_path}")
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {name}=x y: must be ")
    assert err.endswith(f": unset {name}\n")
    assert err.count("\n") == 1
