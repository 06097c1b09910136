"""What is kept beside a record for intervals."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.uncertainty import KeptDistance, KeptUncertainty, read_uncertainty, write_uncertainty

KEPT = KeptUncertainty(
    "0-2,9",
    {
        "fid": KeptDistance(2.5, 2048, 4, np.array([0.1, -0.3, 1e-17, 0.2]), np.array([2.4, 2.6])),
        "fd_ähnlich": KeptDistance(0.1, 3, 4, np.array([1.0, -1.0, 0.0, 0.0]), np.empty(0)),
    },
)


def test_it_comes_back_bit_for_bit(tmp_path: Path) -> None:
    assert read_uncertainty(tmp_path) is None
    write_uncertainty(tmp_path, KEPT)
    assert [path.name for path in tmp_path.iterdir()] == ["uncertainty.npz"]
    found = read_uncertainty(tmp_path)
    assert found is not None
    assert (found.seeds, [*found.distances]) == (KEPT.seeds, [*KEPT.distances])
    for one, other in zip(found.distances.values(), KEPT.distances.values(), strict=True):
        assert (one.distance, one.num_features) == (other.distance, other.num_features)
        assert one.influence.tobytes() == other.influence.tobytes()
        assert one.without_group.tobytes() == other.without_group.tobytes()


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A baseline's is asked for again for every row of a table."""
    opened: list[Path] = []

    class Counted(zipfile.ZipFile):
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

    write_uncertainty(tmp_path, KEPT)
    monkeypatch.setattr("bdia_edm.records.uncertainty.zipfile.ZipFile", Counted)
    first, again = read_uncertainty(tmp_path), read_uncertainty(tmp_path)
    assert first is again
    assert len(opened) == 1
    monkeypatch.undo()
    write_uncertainty(tmp_path, KeptUncertainty("0-3", KEPT.distances))
    other = read_uncertainty(tmp_path)
    assert other is not None
    assert other.seeds == "0-3"
    RunFolder(tmp_path).uncertainty.unlink()
    assert read_uncertainty(tmp_path) is None


def test_no_more_stays_in_memory_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bdia_edm.records.uncertainty._MOST_KEPT", 0)
    write_uncertainty(tmp_path, KEPT)
    first, again = read_uncertainty(tmp_path), read_uncertainty(tmp_path)
    assert first is not None
    assert again is not None
    assert first is not again
    assert again.seeds == KEPT.seeds


def test_50000_images_take_400_kilobytes(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).standard_normal(50_000)
    write_uncertainty(
        tmp_path, KeptUncertainty("0-49999", {"fid": KeptDistance(1.0, 2048, len(numbers), numbers, np.empty(0))})
    )
    assert RunFolder(tmp_path).uncertainty.stat().st_size < 402_000


def test_damaged_files(tmp_path: Path) -> None:
    path = RunFolder(tmp_path).uncertainty
    write_uncertainty(tmp_path, KEPT)
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)

    def read() -> None:
        message = rf"^{re.escape(str(path))}: not readable \(.+\); without it there is no interval$"
        with pytest.raises(UserError, match=message):
            read_uncertainty(tmp_path)

    for content in (b"", b"x", whole[:300], whole[:-30]):
        path.write_bytes(content)
        read()
    wrong = {
        "influence_0": np.array([1.0, np.nan]),
        "without_group_1": np.zeros((2, 2)),
        "distances": np.zeros(1),
        "num_features": np.array(["many", "more"]),
        "seeds": np.array({"a": 1}, object),
    }
    for name, value in wrong.items():
        np.savez(path, **{**arrays, name: value})
        read()
    np.savez(path, **{name: value for name, value in arrays.items() if name != "influence_1"})
    read()
    # A small file could hold a huge array.
    np.savez_compressed(path, **arrays)
    read()
