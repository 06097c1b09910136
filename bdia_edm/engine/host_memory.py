"""Memory that is freed stays the process's while it works, and is used again.

glibc takes each large tensor from the system and gives it back when it is freed (M_MMAP_THRESHOLD; M_TRIM_THRESHOLD
for the heap's end, mallopt(3)), and the system clears its pages anew for the next one: a network of small tensors
spends an eighth of its time there. Only where numbers lie changes, never what they are.
"""

from __future__ import annotations

import ctypes
import os
import sys

from bdia_edm.base.shared_setting import SharedSetting

__all__ = ["memory_kept"]

# Of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MIB = 1 << 20
_NEVER = -1
"""No heap's end is given back."""
_LARGEST_KEPT = (1024 * _MIB, 32 * _MIB)
"""Bytes of a tensor that comes from the heap; before 2.35 glibc takes no more than the second."""
_USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def _keep() -> ctypes.CDLL | None:
    """Has glibc keep memory; None where there is no glibc, or the user has told it what to do."""
    if sys.platform != "linux" or any(name in os.environ for name in _USERS_OWN):
        return None
    library = ctypes.CDLL(None)
    # Another C library has none of these, or only the first.
    if not all(hasattr(library, name) for name in ("mallopt", "malloc_trim", "gnu_get_libc_version")):
        return None
    if any(library.mallopt(_M_MMAP_THRESHOLD, largest) for largest in _LARGEST_KEPT):
        library.mallopt(_M_TRIM_THRESHOLD, _NEVER)
    return library


def _give_back(library: ctypes.CDLL | None) -> None:
    if library is not None:
        # Where glibc's own thresholds come to in a process that frees large tensors.
        library.mallopt(_M_MMAP_THRESHOLD, 32 * _MIB)
        library.mallopt(_M_TRIM_THRESHOLD, 64 * _MIB)
        library.malloc_trim(0)


memory_kept = SharedSetting(_keep, _give_back)
"""Freed memory is kept within, and given back to the system by the last one out; elsewhere than on glibc nothing."""
