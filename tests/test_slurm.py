"""Sweeps and runs on a real Slurm, cancelled and resumed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.api import finish, prepare
from bdia_edm.records.run_folder import RECORD
from tests.slurm_cluster import missing, slurm

SCRIPTS = Path(__file__).parents[1] / "scripts" / "slurm"
OPTIONS = ["+model=gaussian_mixture", "block_size=50", "batch_size=50", "model.reference_samples=2000"]
LONG = [*OPTIONS, "seeds=0-2999", "sampler.num_steps=60"]

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing() or "it can be started"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with slurm(tmp_path_factory.mktemp("slurm")) as environment:
        # As the node's two cores would be shared by two tasks; figures do not depend on it.
        yield environment | {"OMP_NUM_THREADS": "1", "PYTHON": sys.executable}


def record_of(folder: Path, *options: str) -> dict[str, Any]:
    found = prepare(*options, f"results_dir={folder}").folder / RECORD
    return json.loads(found.read_text())


def undisturbed(folder: Path, *options: str) -> dict[str, Any]:
    return finish(prepare(*options, f"results_dir={folder}"), lambda line: None)


def assert_same(record: dict[str, Any], other: dict[str, Any]) -> None:
    for key in ("metrics", "nfe", "seeds", "num_images", "checksums", "sampler"):
        assert record[key] == other[key], key


def submit(cluster: dict[str, str], script: str, *arguments: str, cwd: Path, **environment: str) -> str:
    """The job's number; ``arguments`` before '--' are sbatch's, those after it the command's."""
    split = arguments.index("--")
    line = ["sbatch", "--parsable", *arguments[:split], str(SCRIPTS / script), *arguments[split + 1 :]]
    done = subprocess.run(line, env=cluster | environment, cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def is_queued(cluster: dict[str, str], job: str) -> bool:
    line = ["squeue", "-h", "-j", job]
    return bool(subprocess.run(line, env=cluster, capture_output=True, text=True, check=False).stdout.strip())


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.1)


def sweep(cluster: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "bdia_edm.sample", "-m", "hydra/launcher=slurm", *options]
    return subprocess.run(line, env=cluster, capture_output=True, text=True, check=False, timeout=240)


def test_a_sweep_of_two_points(cluster: dict[str, str], tmp_path: Path) -> None:
    options = [*OPTIONS, "seeds=0-199", f"results_dir={tmp_path / 'sweep'}"]
    done = sweep(cluster, *options, "sampler.num_steps=4,5")
    assert done.returncode == 0, done.stderr
    logs = list((tmp_path / "sweep" / ".slurm").glob("*/*_log.out"))
    assert len(logs) == 2
    for steps in ("4", "5"):
        point = [*OPTIONS, "seeds=0-199", f"sampler.num_steps={steps}"]
        assert_same(record_of(tmp_path / "sweep", *point), undisturbed(tmp_path / "here", *point))


def test_a_point_that_fails_is_one_line(cluster: dict[str, str], tmp_path: Path) -> None:
    options = ["+model=digits", "seeds=0-19", "sampler.num_steps=3", f"results_dir={tmp_path}"]
    done = sweep(cluster, *options, "class_idx=1,10")
    assert done.returncode == 2
    *_, overrides, error = done.stderr.splitlines()
    assert error == "error: class_idx=10: must be from 0 to 9, the network's classes"
    assert "class_idx=10" in overrides  # Hydra says which point it was
    assert "Traceback" not in done.stderr
    # The other point is not lost.
    assert record_of(tmp_path, *options[:-1], "class_idx=1")["num_images"] == 20


def test_a_job_of_two_tasks_is_cancelled_and_goes_on(cluster: dict[str, str], tmp_path: Path) -> None:
    """Two tasks stand for two nodes: each starts a torchrun, and the two torchruns meet."""
    expected = undisturbed(tmp_path / "here", *LONG)
    results = tmp_path / "there"
    sbatch = ["--nodes=1", "--ntasks=2", "--ntasks-per-node=2", "--overcommit", f"--output={tmp_path}/%j.log"]
    run = [*LONG, f"results_dir={results}"]
    first = submit(cluster, "run.sbatch", *sbatch, "--", *run, cwd=tmp_path)
    wait_for(lambda: len(list(results.glob("*/shards/*.npz"))) >= 6)
    subprocess.run(["scancel", first], env=cluster, check=True)
    wait_for(lambda: not is_queued(cluster, first), 60)
    log = (tmp_path / f"{first}.log").read_text()
    assert "interrupted; what is finished is kept, and the same command goes on from there" in log
    assert not list(results.glob(f"*/{RECORD}"))
    made = len(list(results.glob("*/shards/*.npz")))
    assert 6 <= made < 60

    second = submit(cluster, "run.sbatch", *sbatch, "--", *run, cwd=tmp_path)
    wait_for(lambda: not is_queued(cluster, second))
    log = (tmp_path / f"{second}.log").read_text()
    assert f"resuming: {50 * made} of 3000 images are done" in log, log
    record = record_of(results, *LONG)
    assert_same(record, expected)
    assert record["workers"] == 2


def test_a_requeued_job_goes_on(cluster: dict[str, str], tmp_path: Path) -> None:
    """What Slurm does with a job that it preempts, or whose node fails: the same job starts again."""
    results = tmp_path / "there"
    run = [*LONG, f"results_dir={results}"]
    job = submit(cluster, "run.sbatch", "--nodes=1", f"--output={tmp_path}/log", "--", *run, cwd=tmp_path)
    wait_for(lambda: len(list(results.glob("*/shards/*.npz"))) >= 6)
    subprocess.run(["scontrol", "requeue", job], env=cluster, check=True)

    def goes_on() -> bool:
        # Slurm lets a requeued job wait for two minutes, and says no while the last start still ends.
        subprocess.run(["scontrol", "update", f"jobid={job}", "StartTime=now"], env=cluster, check=False, stderr=-3)
        # Its scheduler is to have its turn between two updates.
        time.sleep(3)
        return "resuming: " in (tmp_path / "log").read_text()

    wait_for(goes_on, 300)
    wait_for(lambda: not is_queued(cluster, job))
    log = (tmp_path / "log").read_text()
    assert log.index("interrupted; what is finished is kept") < log.index("resuming: ")
    assert_same(record_of(results, *LONG), undisturbed(tmp_path / "here", *LONG))


def test_an_array_over_seeds(cluster: dict[str, str], tmp_path: Path) -> None:
    options = [*OPTIONS, "sampler.num_steps=4"]
    sbatch = ["--array=0-1", f"--output={tmp_path}/%A_%a.log"]
    run = [*options, f"results_dir={tmp_path / 'there'}"]
    job = submit(cluster, "seeds.sbatch", *sbatch, "--", *run, cwd=tmp_path, NUM="100")
    wait_for(lambda: not is_queued(cluster, job))
    for seeds in ("seeds=0-99", "seeds=100-199"):
        assert_same(record_of(tmp_path / "there", *options, seeds), undisturbed(tmp_path / "here", *options, seeds))
