"""One process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bdia_edm.base.file_lock import is_locked, locked

HOLD = "import sys, time; from pathlib import Path; from bdia_edm.base.file_lock import locked\n"
HOLD += "with locked(Path(sys.argv[1]), print, '', ''): print('held', flush=True); time.sleep(60)"
WORDS = ("waiting", "no locks here")


def test_held_and_gone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    said: list[str] = []
    assert not is_locked(path)
    with locked(path, said.append, *WORDS):
        assert is_locked(path)
    assert not is_locked(path)
    assert list(path.parent.iterdir()) == []
    assert said == []


def test_it_ends_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    said: list[str] = []
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_locked(path)
        threading.Timer(1.5, holder.kill).start()
        with locked(path, said.append, *WORDS):
            assert holder.poll() is not None
    assert said == ["waiting"]


def test_only_one_at_a_time(tmp_path: Path) -> None:
    """Also where the file goes away while others wait for it."""
    inside = most = 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with locked(tmp_path / "lock", lambda line: None, *WORDS):
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
    path = tmp_path / "lock"
    said: list[str] = []
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    threading.Timer(0.3, os.close, [descriptor]).start()
    with locked(path, said.append, *WORDS):
        pass
    assert said == []


def test_without_locks_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    said: list[str] = []
    with locked(tmp_path / "lock", said.append, *WORDS):
        assert not is_locked(tmp_path / "lock")
    assert said == ["no locks here"]
