"""The files of a run's folder, and its lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bdia_edm.base import file_lock
from bdia_edm.records.run_folder import RunFolder

HOLD = "import sys, time; from pathlib import Path; from bdia_edm.records.run_folder import RunFolder\n"
HOLD += "with RunFolder(Path(sys.argv[1])).locked(print): print('held', flush=True); time.sleep(60)"


def test_every_file_has_a_name_of_its_own() -> None:
    folder = RunFolder(Path("runs/a"))
    names = [folder.record, folder.plan, folder.error, folder.lock, folder.shards, folder.images, folder.grid]
    names += [folder.preview, folder.shard(7), folder.round_trips, folder.strips(9)]
    assert len(set(names)) == len(names)
    assert all(name.is_relative_to("runs/a") for name in names)
    assert folder.shard(7) == Path("runs/a/shards/00007.npz")


def test_shards_and_when_they_came(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.shard_times() == {}
    folder.shards.mkdir()
    for index in (3, 100_000):
        folder.shard(index).touch()
        os.utime(folder.shard(index), (0, 1000 + index))
    folder.shard(4).with_suffix(".npz.77.partial").touch()
    # Names that are none of a shard's, though Python calls them digits or numbers.
    for stem in ("notes", "²³", "00003²", "٠٠٠٠٥", "3", "000003", "-0001", "00_01", ""):
        (folder.shards / f"{stem}.npz").touch()
    # What is no file is no shard.
    folder.shard(5).mkdir()
    os.mkfifo(folder.shard(6))
    folder.shard(7).symlink_to("/dev/zero")
    folder.shard(8).symlink_to("nowhere")
    assert folder.shard_times() == {3: 1003, 100_000: 101_000}


def test_whoever_waits_is_told_for_what(tmp_path: Path) -> None:
    folder, said = RunFolder(tmp_path / "run"), list[str]()
    assert not folder.is_locked()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder.path)], stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert folder.is_locked()
        threading.Timer(1.5, holder.kill).start()
        with folder.locked(said.append):
            assert holder.poll() is not None
    assert said == [f"another process works on {folder.path}; waiting for it"]
    assert list(folder.path.iterdir()) == []


def test_without_locks_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(file_lock.errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(file_lock.fcntl, "flock", refuse)
    said: list[str] = []
    with RunFolder(tmp_path).locked(said.append):
        pass
    assert said == [f"{tmp_path}: this file system has no locks; do not start the same run twice"]
