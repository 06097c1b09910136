"""Too little address space, said where PyTorch would be loaded, and only there."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIMITED = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv.pop(2)), -1)); "
LIMITED += "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"


def limited(module: str, limit: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", LIMITED, module, str(limit), *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("limit", [10**9, 3 * 10**9])
@pytest.mark.parametrize("module", ["sample", "compare", "fid", "checkpoint", "api"])
def test_what_needs_torch(module: str, limit: int) -> None:
    done = limited(f"bdia_edm.{module}", limit)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: this process may take {limit // 10**9} GB of address space (ulimit -v), and PyTorch needs 4 GB and "
        "more; raise the limit (ulimit -v unlimited)\n"
    )


@pytest.mark.parametrize("module", ["status", "table"])
def test_what_needs_none(module: str) -> None:
    done = limited(f"bdia_edm.{module}", 10**9, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "RESULTS_DIR" in done.stdout
