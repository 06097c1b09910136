"""Shards: what is read is what was written, or it is refused."""

from __future__ import annotations

import os
import random
import socket
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bdia_edm.engine.shards import Shard, ShardError, read_shard, write_shard

RNG = np.random.default_rng(0)
SHARD = Shard(
    features=RNG.standard_normal((6, 5)).astype(np.float32),
    logits=RNG.standard_normal((6, 3)).astype(np.float32),
    preview=RNG.integers(0, 256, (2, 4, 4, 1), dtype=np.uint8),
    labels=np.arange(6),
    evaluations=210,
    seconds=1.25,
)


def same(a: Shard, b: Shard) -> bool:
    arrays = all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("features", "logits", "preview", "labels")
    )
    return arrays and (a.evaluations, a.seconds) == (b.evaluations, b.seconds)


def test_round_trip(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.npz", SHARD, "run")
    assert same(read_shard(tmp_path / "a.npz", "run", 6, Shard), SHARD)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_foreign_and_missing_and_short(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.npz", SHARD, "run")
    with pytest.raises(ShardError, match="another run's"):
        read_shard(tmp_path / "a.npz", "other", 6, Shard)
    with pytest.raises(ShardError, match="6 images instead of 7"):
        read_shard(tmp_path / "a.npz", "run", 7, Shard)
    with pytest.raises(FileNotFoundError):
        read_shard(tmp_path / "b.npz", "run", 6, Shard)


def test_a_shard_whose_parts_are_of_other_lengths(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.npz", replace(SHARD, logits=SHARD.logits[:5]), "run")
    with pytest.raises(ShardError, match="5 images instead of 6"):
        read_shard(tmp_path / "a.npz", "run", 6, Shard)


def test_every_truncation_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_shard(path, SHARD, "run")
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ShardError):
            read_shard(path, "run", 6, Shard)


def test_every_flipped_bit_is_found_or_harmless(tmp_path: Path) -> None:
    """Bits of the zip's dates and the like mean nothing; whatever is read is what was written."""
    path = tmp_path / "a.npz"
    write_shard(path, SHARD, "run")
    content = path.read_bytes()
    found = 0
    positions = random.Random(0).sample(range(8 * len(content)), 1500)
    for position in positions:
        damaged = bytearray(content)
        damaged[position // 8] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            assert same(read_shard(path, "run", 6, Shard), SHARD)
        except ShardError:
            found += 1
    assert found > 1000


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776,)}",  # MemoryError
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (99999999999999999999,)}",  # OverflowError
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (",  # TokenError
        None,  # no array at all
    ],
)
def test_a_header_that_lies(header: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_shard(path, SHARD, "run")
    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
    lying = b"" if header is None else b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(path, "w") as new:
        for name, data in (content | {"labels.npy": lying}).items():
            new.writestr(name, data)
    with pytest.raises(ShardError, match=r"^unreadable \(\w+\)$"):
        read_shard(path, "run", 6, Shard)


@pytest.mark.parametrize("kind", ["fifo", "endless", "folder", "socket"])
def test_only_a_file_is_a_shard(kind: str, tmp_path: Path) -> None:
    """What else can lie there is not waited for, nor read without end."""
    path = tmp_path / "a.npz"
    with socket.socket(socket.AF_UNIX) as listening:
        {
            "fifo": lambda: os.mkfifo(path),
            "endless": lambda: path.symlink_to("/dev/zero"),
            "folder": path.mkdir,
            "socket": lambda: listening.bind(str(path)),
        }[kind]()
        with pytest.raises(ShardError, match=r"^(no regular file|unreadable \(\w+\))$"):
            read_shard(path, "run", 6, Shard)
    if kind != "folder":
        write_shard(path, SHARD, "run")
        assert same(read_shard(path, "run", 6, Shard), SHARD)


def test_a_failed_write_leaves_the_old_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    write_shard(path, SHARD, "run")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        write_shard(path, SHARD, "new")
    monkeypatch.undo()
    assert same(read_shard(path, "run", 6, Shard), SHARD)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.npz"]
