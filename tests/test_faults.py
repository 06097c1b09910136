"""Everything that can happen to a run of one or several workers; it ends in the record of an undisturbed one."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bdia_edm.api import Run, finish, prepare
from bdia_edm.checkpoints.safetensors_file import write_network
from bdia_edm.models.preconditioning import EDMPrecond
from bdia_edm.records.run_folder import RECORD, RunFolder
from bdia_edm.status import find_runs
from tests.processes import command_line, descendants, is_alive, kill, started, wait_for, workers_of

# 60 blocks of about a tenth of a second.
OPTIONS = ["+model=gaussian_mixture", "seeds=0-2999", "block_size=50", "batch_size=50", "sampler.num_steps=60"]
OPTIONS += ["model.reference_samples=2000"]
INTERRUPTED = "interrupted; what is finished is kept, and the same command goes on from there\n"


def silent(line: str) -> None:
    pass


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As in the processes that are started here, and for the same reason."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return finish(the_run(tmp_path_factory.mktemp("undisturbed")), silent)


def the_run(folder: Path, *options: str) -> Run:
    return prepare(*OPTIONS, f"results_dir={folder}", *options)


def assert_same(record: dict[str, Any], other: dict[str, Any]) -> None:
    for key in ("metrics", "nfe", "seeds", "num_images", "checksums", "sampler"):
        assert record[key] == other[key], key


def shards(folder: Path) -> int:
    return len(list(folder.glob("shards/*.npz")))


def assert_clean(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "grid.png",
        "log.txt",
        "preview.npz",
        RECORD,
        "uncertainty.npz",
    ]


def test_kill_9_of_one_worker(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    folder = the_run(tmp_path).folder
    with started(command_line("sample", *OPTIONS, f"results_dir={tmp_path}", "workers=2")) as process:
        wait_for(lambda: shards(folder) >= 3, process)
        victims = workers_of(process.pid)
        assert len(victims) == 2
        kill(victims[0])
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert_same(json.loads(out), undisturbed)
    assert "a worker process ended; all were started again and go on with what is finished\n" in err
    assert re.search(r"resuming: \d+ of 3000 images are done", err)
    assert "Traceback" not in err
    assert "torch" not in err
    assert_clean(folder)


def test_a_worker_that_always_dies_is_one_line(tmp_path: Path) -> None:
    folder = the_run(tmp_path).folder
    with started(command_line("sample", *OPTIONS, f"results_dir={tmp_path}", "workers=1")) as process:
        wait_for(lambda: shards(folder) >= 3, process)
        kill(process.pid)
    before = shards(folder)
    with started(command_line("sample", *OPTIONS, f"results_dir={tmp_path}", "workers=2")) as process:
        dead: set[int] = set()
        while process.poll() is None:
            for worker in set(workers_of(process.pid)) - dead:
                kill(worker)
                dead.add(worker)
            time.sleep(0.01)
        out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert re.fullmatch(
        r"error: the workers were started 4 times, and each time one died \(at last worker [01], by SIGKILL\); "
        r"what is finished is kept, and the same command goes on from there\n",
        err,
    )
    assert shards(folder) >= before
    (status,) = find_runs(tmp_path)
    assert status.state == "failed"
    assert "by SIGKILL" in str(status.error)


def test_kill_9_of_everything_at_random_moments(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    """20 times for one worker, 20 times for two; the processes are forks of one, for their quick start."""
    script = Path(__file__).with_name("kill_often.py")
    for size in (1, 2):
        line = [sys.executable, str(script), str(size), "20", *OPTIONS, f"results_dir={tmp_path / str(size)}"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(line, capture_output=True, text=True, env=environment, check=False, timeout=200)
        assert done.returncode == 0, done.stderr
        finished = json.loads(done.stdout)
        run = the_run(tmp_path / str(size))
        for record in [*finished, finish(run, silent)]:
            assert_same(record, undisturbed)
        assert_clean(run.folder)


def test_kill_9_of_the_launcher_ends_its_workers(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    folder = the_run(tmp_path).folder
    with started(command_line("sample", *OPTIONS, f"results_dir={tmp_path}", "workers=2")) as process:
        wait_for(lambda: shards(folder) >= 2, process)
        workers = workers_of(process.pid)
        kill(process.pid)
        wait_for(lambda: not any(map(is_alive, workers)), seconds=5)
    assert not (folder / RECORD).exists()
    assert_same(finish(the_run(tmp_path), silent), undisturbed)


SIGNALS = {
    "workers=1": (signal.SIGTERM, signal.SIGINT, signal.SIGHUP),
    "workers=2": (signal.SIGINT, signal.SIGHUP),
    "torchrun": (signal.SIGTERM, signal.SIGHUP),
}


@pytest.mark.parametrize("way", SIGNALS)
def test_signals(way: str, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    """One signal after the other, then to the end, with a changed config in between."""
    folder = the_run(tmp_path).folder
    for number in SIGNALS[way]:
        had = shards(folder)
        with started(way_line(way, tmp_path)) as process:
            wait_for(lambda had=had: shards(folder) >= had + 2, process)
            everyone = descendants(process.pid)
            start = time.monotonic()
            kill(process.pid, number)
            out, err = process.communicate(timeout=30)
        assert time.monotonic() - start < 10
        assert out == ""
        assert err.count(INTERRUPTED) == 1
        assert shards(folder) >= had + 2
        # torchrun has a status and a traceback of its own.
        if way != "torchrun":
            assert process.returncode == 128 + number
            assert err.endswith(INTERRUPTED)
            assert "Traceback" not in err
        wait_for(lambda everyone=everyone: not any(map(is_alive, everyone)), seconds=2)
        assert find_runs(tmp_path)[0].state == "interrupted"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    other = the_run(tmp_path, "sampler.gamma=0.3", "seeds=0-49")
    assert finish(other, silent)["sampler"]["gamma"] == 0.3
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    said: list[str] = []
    assert_same(finish(the_run(tmp_path), said.append), undisturbed)
    assert any(line.startswith("resuming: ") for line in said)
    assert_clean(folder)


def way_line(way: str, folder: Path) -> list[str]:
    where = f"results_dir={folder}"
    if way == "torchrun":
        return command_line("sample", *OPTIONS, where, torchrun=2)
    return command_line("sample", *OPTIONS, where, way)


def test_damaged_shards_with_two_workers(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    run = the_run(tmp_path, "keep_features=true")
    finish(run, silent)
    other = the_run(tmp_path / "other", "keep_features=true", "seeds=0-199", "sampler.gamma=0.4")
    finish(other, silent)
    (run.folder / RECORD).unlink()
    paths = [run.folder / "shards" / f"{index:05d}.npz" for index in range(3)]
    content = bytearray(paths[0].read_bytes())
    paths[0].write_bytes(content[: len(content) // 2])
    content = bytearray(paths[1].read_bytes())
    content[len(content) // 2] ^= 4
    paths[1].write_bytes(content)
    shutil.copy(other.folder / "shards" / "00002.npz", paths[2])
    line = command_line("sample", *OPTIONS, f"results_dir={tmp_path}", "workers=2", "keep_features=true")
    with started(line) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert_same(json.loads(out), undisturbed)
    for path, reason in zip(paths, ["unreadable", "", "another run's"], strict=True):
        assert re.search(rf"{path}: .*{reason}.*; made again\n", err), err
    assert shards(run.folder) == 60


def test_a_shard_damaged_after_it_was_looked_at(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    """The leader reads every shard once more at the end."""
    run = the_run(tmp_path)
    said: list[str] = []

    def say(line: str) -> None:
        # The last line before the shards are read.
        if "3000 of 3000 images" in line:
            (run.folder / "shards" / "00007.npz").write_bytes(b"garbage")
            (run.folder / "shards" / "00009.npz").unlink()
        said.append(line)

    assert_same(finish(run, say), undisturbed)
    assert sum("made again" in line for line in said) == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root mounts a file system; test_runs has a limit on the files' size instead")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk(workers: int, small_disk: Path, tmp_path: Path) -> None:
    """1,000 images leave 1 MB of features, twice what is there beside a file that is in the way."""
    options = ["+model=gaussian_mixture", "model.img_resolution=16", "model.reference_samples=2000", "seeds=0-999"]
    options += ["block_size=50", "batch_size=50", "sampler.num_steps=3"]
    expected = finish(prepare(*options, f"results_dir={tmp_path / 'elsewhere'}"), silent)
    (small_disk / "in the way").write_bytes(bytes(400_000))
    with started(command_line("sample", *options, f"results_dir={small_disk}", f"workers={workers}")) as process:
        out, err = process.communicate(timeout=120)
    folder = prepare(*options, f"results_dir={small_disk}").folder
    assert (process.returncode, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith(f"error: {folder}: cannot write there: [Errno 28] No space left on device")
    assert last.endswith("; what is finished is kept")
    assert err.count("error: ") == 1
    assert "Traceback" not in err
    had = shards(folder)
    assert 5 < had < 20
    assert list(small_disk.rglob("*.partial")) == []
    (small_disk / "in the way").unlink()
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    said: list[str] = []
    assert_same(finish(prepare(*options, f"results_dir={small_disk}"), said.append), expected)
    assert f"resuming: {50 * had} of 1000 images are done" in said


@pytest.mark.parametrize("torchrun", [0, 2])
def test_images_that_are_not_finite(torchrun: int, tmp_path: Path) -> None:
    """The user's error is said once and not tried again, whichever worker meets it."""
    options = {"img_resolution": 8, "img_channels": 1, "label_dim": 0, "sigma_min": 0.01, "sigma_max": 50.0}
    options |= {"model_channels": 16, "channel_mult": [1], "num_blocks": 1, "attn_resolutions": []}
    network = EDMPrecond(**options)
    with torch.no_grad():
        next(iter(network.parameters())).fill_(np.inf)
    write_network(tmp_path / "broken.safetensors", network, options, "denoiser")
    overrides = ["+model=file", f"model.path={tmp_path / 'broken.safetensors'}", "seeds=0-39", "block_size=10"]
    overrides += ["detector=none", "sampler.num_steps=3", f"results_dir={tmp_path / 'runs'}"]
    if not torchrun:
        overrides.append("workers=2")
    with started(command_line("sample", *overrides, torchrun=torchrun)) as process:
        out, err = process.communicate(timeout=120)
    assert out == ""
    assert process.returncode == (1 if torchrun else 2)
    message = (
        r"error: seeds (0-7|10-17|20-27|30-37) and more: 10 of 10 images of the block are not finite; "
        r"first at step 1 of 3 \(noise level 50\), in the network's output\n"
    )
    assert len(re.findall(message, err)) == 1, err
    assert err.count("error: ") == 1
    assert "started again" not in err
    if not torchrun:
        assert "Traceback" not in err
    (status,) = find_runs(tmp_path / "runs")
    assert (status.state, status.done) == ("failed", 0)
    assert "are not finite; first at step 1 of 3" in str(status.error)


def test_two_runs_on_one_folder(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    line = command_line("sample", *OPTIONS, f"results_dir={tmp_path}")
    folder = the_run(tmp_path).folder
    with started(line) as first:
        wait_for(lambda: shards(folder) >= 1, first)
        assert RunFolder(folder).lock.exists()
        assert RunFolder(folder).plan.exists()
        assert find_runs(tmp_path)[0].state == "running"
        # It stands still until the second has come.
        kill(first.pid, signal.SIGSTOP)
        with started([*line, "workers=2"]) as second:
            assert second.stderr is not None
            waiting = second.stderr.readline()
            kill(first.pid, signal.SIGCONT)
            out, err = second.communicate(timeout=120)
        assert second.returncode == 0, err
        first_out, first_err = first.communicate(timeout=10)
    assert waiting == f"another process works on {folder}; waiting for it\n"
    assert err == f"done before: {folder}\n"
    assert "another process" not in first_err
    assert out == first_out
    assert_same(json.loads(out), undisturbed)
    assert_clean(folder)
