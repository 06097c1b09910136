"""A worker's process ends with the one that started it; what it does is tested in test_faults and test_launch."""

from __future__ import annotations

import subprocess
import sys

from tests.processes import is_alive, wait_for

CHILD = "import os, sys, time; from bdia_edm.run.worker_process import end_with; end_with(int(sys.argv[1])); "
CHILD += "print(os.getpid(), flush=True); time.sleep(60)"
PARENT = "import os, subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())]); "
PARENT += "time.sleep(60)"


def test_a_child_ends_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=-1, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
        wait_for(lambda: not is_alive(child), seconds=5)


def test_a_parent_that_has_ended_before() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, "1"], capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stdout) == (1, "")
