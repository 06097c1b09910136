"""One process at a time in a run's folder.

The lock is the kernel's (flock), so it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LOCK", "is_locked", "locked"]

LOCK = "lock"
_POLL = 0.2
# A look at whether the lock is held holds it for a moment; that is nobody's work.
_LOOKS = 3
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def locked(folder: Path, say: Callable[[str], object]) -> Iterator[None]:
    """Holds the lock of ``folder``, which is made where it is missing; waits for it, and says so.

    The file goes away with the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = _take(path, folder, say)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a process works on ``folder``; works where nothing can be written."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        os.close(descriptor)
    return False


def _take(path: Path, folder: Path, say: Callable[[str], object]) -> int:
    looks = 0
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have removed the file in the meantime: then this lock keeps nobody out.
            if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except BlockingIOError:
            looks += 1
            if looks == _LOOKS:
                say(f"another process works on {folder}; waiting for it")
            time.sleep(_POLL)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in _NO_LOCKS:
                say(f"{folder}: this file system has no locks; do not start the same run twice")
                return descriptor
            os.close(descriptor)
            raise
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
