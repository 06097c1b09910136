"""What a worker needs beside its network and its detector, with 2,048 features."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from tests.processes import ENVIRONMENT, command_line, started, workers_of

# 2 · 32 · 32 = 2048 pixels are the features.
OPTIONS = ["+model=gaussian_mixture", "model.img_resolution=32", "model.img_channels=2", "block_size=500"]
OPTIONS += ["model.reference_samples=5000", "batch_size=100", "sampler=euler", "sampler.num_steps=2"]
BARE = """
import re, sys
from pathlib import Path
from bdia_edm.api import prepare, sample_images, to_uint8
run = prepare(*sys.argv[1:])
run.detector(to_uint8(sample_images(run.denoiser, run.config.sampler, range(2))[0]))
print(Path("/proc/self/status").read_text())
"""
MEGABYTE = 1024


def peak(status: str) -> int:
    """The most resident memory so far, in KiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


def peaks_of(folder: Path, num_images: int) -> dict[int, int]:
    """The peak of each of 4 workers, looked at until they end."""
    peaks: dict[int, int] = {}
    line = command_line("sample", *OPTIONS, f"seeds=0-{num_images - 1}", "workers=4", f"results_dir={folder}")
    with started(line) as process:
        while process.poll() is None:
            for pid in workers_of(process.pid):
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                peaks[pid] = max(peaks.get(pid, 0), peak(status))
            time.sleep(0.02)
        assert process.returncode == 0, process.communicate()
    return peaks


def test_under_a_gigabyte_over_the_bare_network_and_detector(tmp_path: Path) -> None:
    """5,000 images; what a worker holds does not depend on their number."""
    line = [sys.executable, "-c", BARE, *OPTIONS, "seeds=0-9", f"results_dir={tmp_path}"]
    bare = peak(subprocess.run(line, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout)
    assert bare > 100 * MEGABYTE
    peaks = peaks_of(tmp_path, 5000)
    assert len(peaks) == 4
    assert max(peaks.values()) - bare < 600 * MEGABYTE
    # All but the leader have no covariance to hold.
    assert sorted(peaks.values())[-2] - bare < 200 * MEGABYTE
