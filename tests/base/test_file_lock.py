"""The lock of a run's folder."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bdia_edm.base.file_lock import LOCK, is_locked, locked

HOLD = "import sys, time; from pathlib import Path; from bdia_edm.base.file_lock import locked\n"
HOLD += "with locked(Path(sys.argv[1]), print): print('held', flush=True); time.sleep(60)"


def test_held_and_gone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert not is_locked(folder)
    with locked(folder, print):
        assert is_locked(folder)
    assert not is_locked(folder)
    assert list(folder.iterdir()) == []


def test_it_ends_with_its_holder(tmp_path: Path) -> None:
    said: list[str] = []
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_locked(tmp_path)
        threading.Timer(1.5, holder.kill).start()
        with locked(tmp_path, said.append):
            assert holder.poll() is not None
    assert said == [f"another process works on {tmp_path}; waiting for it"]


def test_only_one_at_a_time(tmp_path: Path) -> None:
    """Also where the file goes away while others wait for it."""
    inside = most = 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with locked(tmp_path, lambda line: None):
                with guard:
                    inside += 1
                    most = max(most, inside)
                os.sched_yield()
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_look_is_no_work(tmp_path: Path) -> None:
    said: list[str] = []
    with locked(tmp_path, print):
        pass
    descriptor = os.open(tmp_path / LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    threading.Timer(0.3, os.close, [descriptor]).start()
    with locked(tmp_path, said.append):
        pass
    assert said == []


def test_without_locks_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    said: list[str] = []
    with locked(tmp_path, said.append):
        pass
    assert said == [f"{tmp_path}: this file system has no locks; do not start the same run twice"]
    assert not is_locked(tmp_path)
