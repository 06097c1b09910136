"""Too little address space (``ulimit -v``): PyTorch then ends in dozens of lines, or aborts, when it is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from bdia_edm.base.lines import to_stderr

__all__ = ["NEEDED", "require_address_space_for_torch"]

NEEDED = 4 * 10**9
"""Bytes; PyTorch 2.14's CUDA build is loaded in 3.2 GB, without a GPU and on one thread."""


class _Refusing(MetaPathFinder):
    """Ends the process where it comes to import torch; what needs no torch is not disturbed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "torch":
            to_stderr(
                f"error: this process may take {self._limit / 1e9:.2g} GB of address space (ulimit -v), and PyTorch "
                f"needs {NEEDED / 1e9:.0f} GB and more; raise the limit (ulimit -v unlimited)"
            )
            sys.exit(2)
        return None


def require_address_space_for_torch() -> None:
    """From here on, importing torch ends the process in one line where it could only fail."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # no Unix, no limit
        return
    limit, _ = getrlimit(RLIMIT_AS)
    if limit != RLIM_INFINITY and limit < NEEDED and "torch" not in sys.modules:
        sys.meta_path.insert(0, _Refusing(limit))
