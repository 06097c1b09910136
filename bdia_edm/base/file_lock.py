"""One process at a time: a lock file.

The lock is the kernel's (flock), so it ends with the process that holds it, however that ends; a file that meant
"taken" by being there, or by a process id in it, would outlive a killed holder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bdia_edm.base.lines import Say

__all__ = ["is_locked", "locked"]

_POLL = 0.2
# A look at whether the lock is held holds it for a moment; that is nobody's work.
_LOOKS = 3
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def locked(path: Path, say: Say, waiting: str, without: str) -> Iterator[None]:
    """Holds the lock file ``path``, made where it is missing with its folder; it goes away with the lock.

    Args:
        say: takes lines for the user.
        waiting: said once where another process holds the lock.
        without: said where the file system has no locks; the caller then goes on without.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _take(path, say, waiting, without)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file ``path``; works where nothing can be written."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        os.close(descriptor)
    return False


def _take(path: Path, say: Say, waiting: str, without: str) -> int:
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
                say(waiting)
            time.sleep(_POLL)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in _NO_LOCKS:
                say(without)
                return descriptor
            os.close(descriptor)
            raise
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
