"""Several workers on this machine, or under torchrun: the same figures, and one voice."""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bdia_edm.api import prepare
from bdia_edm.base.errors import UserError
from bdia_edm.status import find_runs
from tests.commands import run_here
from tests.processes import command_line, descendants, is_alive, kill, read_command, started, wait_for, workers_of

BOTH = ["+model=digits,gaussian_mixture", "seeds=0-239", "block_size=40", "batch_size=20", "sampler.num_steps=4"]
LONG = ["+model=gaussian_mixture", "seeds=0-2999", "block_size=50", "batch_size=50", "sampler.num_steps=60"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The records of one worker, with all threads that PyTorch takes."""
    folder = tmp_path_factory.mktemp("alone")
    models = ("+model=digits", "+model=gaussian_mixture")
    return [prepare(model, *BOTH[1:], f"results_dir={folder}").finish(str) for model in models]


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_the_same_figures_to_the_last_bit(workers: int, alone: list[dict[str, Any]], tmp_path: Path) -> None:
    """A multirun of digits and mixture; 2 workers are started by the command, 3 and 4 by torchrun."""
    options = ["-m", *BOTH, f"results_dir={tmp_path / 'results'}"]
    if workers == 2:
        line = command_line("sample", *options, "workers=2")
    else:
        line = command_line("sample", *options, torchrun=workers)
    with started(line) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    # One record a line, and nothing else, although everyone could have printed.
    records = [json.loads(text) for text in out.splitlines()]
    assert [record["workers"] for record in records] == [workers, workers]
    for record, expected in zip(records, alone, strict=True):
        for key in ("metrics", "nfe", "seeds", "num_images", "checksums", "sampler"):
            assert record[key] == expected[key]
    assert err.count("written: ") == 2
    assert err.count("240 of 240 images, ") == 2
    # No folder of a rank, of the clock or of a log; the file is Hydra's account of a multirun.
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert [re.sub("-[0-9a-f]{12}$", "", name) for name in names] == [
        "digits-bdia-4steps",
        "gaussian_mixture-bdia-4steps",
        "multirun.yaml",
    ]


@pytest.mark.parametrize("torchrun", [0, 2])
def test_a_comparison(torchrun: int, tmp_path: Path) -> None:
    # Every run starts its own workers, torchrun's are there for all.
    points = ["{sampler: edm, num_steps: 3}", "{sampler: bdia, gamma: 0.1, num_steps: 3}"][: torchrun or 1]
    grid = f"grid=[{','.join(points)}]"
    options = ["+model=digits", "seeds=0-59", "block_size=20", "batch_size=20", grid, f"results_dir={tmp_path}"]
    options += [] if torchrun else ["workers=2"]
    with started(command_line("compare", *options, torchrun=torchrun)) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.strip() == (tmp_path / "comparison.md").read_text().strip()
    assert out.count("| edm |") == 1
    assert err.count(f"[1/{len(points)}] python -m bdia_edm.sample") == 1
    assert err.count("written: ") == len(points) + 1


def test_from_a_program_without_a_file_of_its_own(tmp_path: Path) -> None:
    """As in a notebook: there is no main module that workers could import."""
    code = "from bdia_edm.api import prepare\n"
    code += f"run = prepare('+model=digits', 'seeds=0-79', 'block_size=20', 'workers=2', r'results_dir={tmp_path}')\n"
    code += "print(run.finish(lambda line: print('said:', line))['workers'])"
    with started([sys.executable, "-c", code]) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert re.fullmatch(r"said: written: .*\n2\n", out)


def test_two_machines(tmp_path: Path) -> None:
    """Two torchruns that meet, as on two nodes; a worker of the second dies, and both start theirs again."""
    options = [*LONG, f"results_dir={tmp_path}"]
    run = prepare(*options)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    line += ["--max-restarts", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{port}"]
    line += ["--local-addr", "localhost", "-m", "bdia_edm.sample", *options]
    with started(line) as first, started(line) as second:
        wait_for(lambda: len(list(run.folder.glob("shards/*.npz"))) >= 2, first)
        (worker,) = [pid for pid in descendants(second.pid) if b"bdia_edm.sample" in read_command(pid)]
        kill(worker)
        outputs = [process.communicate(timeout=120) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    # Only one of all four processes has printed.
    (out,) = [text for text, _ in outputs if text]
    assert json.loads(out)["workers"] == 2
    assert sum("written: " in err for _, err in outputs) == 1
    again = prepare(*LONG, f"results_dir={tmp_path / 'alone'}").finish(str)
    assert json.loads(out)["metrics"] == again["metrics"]


def test_each_rank_ends_with_its_own_status(tmp_path: Path) -> None:
    """Started as srun would, without anyone to watch: on SIGTERM the leader speaks, both end at once."""
    run = prepare(*LONG, f"results_dir={tmp_path}")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    line = command_line("sample", *LONG, f"results_dir={tmp_path}")
    with started(line, RANK="0", **world) as leader, started(line, RANK="1", **world) as other:
        wait_for(lambda: len(list(run.folder.glob("shards/*.npz"))) >= 2, leader)
        for process in (leader, other):
            process.terminate()
        spoken, silent = leader.communicate(timeout=10), other.communicate(timeout=10)
    assert (leader.returncode, other.returncode) == (143, 143)
    assert silent == ("", "")
    assert spoken[1].endswith("interrupted; what is finished is kept, and the same command goes on from there\n")


def test_without_the_launcher_its_store_is_missed(tmp_path: Path) -> None:
    run = prepare(*LONG, f"results_dir={tmp_path}")
    with started(command_line("sample", *LONG, f"results_dir={tmp_path}", torchrun=2)) as process:
        wait_for(lambda: len(list(run.folder.glob("shards/*.npz"))) >= 2, process)
        workers = [pid for pid in descendants(process.pid) if b"bdia_edm.sample" in read_command(pid)]
        assert len(workers) == 2
        kill(process.pid)
        wait_for(lambda: not any(map(is_alive, workers)), seconds=10)
        _, err = process.communicate(timeout=10)
    assert workers_of(process.pid) == []
    assert "Traceback" not in err, err
    assert "the launcher has ended; what is finished is kept" in err
    assert [found.state for found in find_runs(tmp_path)] == ["interrupted"]


def test_torchrun_starts_nothing_again_after_a_users_error(tmp_path: Path) -> None:
    line = command_line("sample", "+model=digits", "class_idx=10", f"results_dir={tmp_path}", torchrun=2)
    line[line.index("--standalone") : line.index("--standalone")] = ["--max-restarts", "3"]
    with started(line) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert out == ""
    assert err.count("error: class_idx=10: must be from 0 to 9") == 1, err


def test_the_launcher_leaves_the_gpus_to_its_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    run = prepare("+model=digits", f"results_dir={tmp_path}")
    assert (run.num_workers, run.device, run.device_type) == (2, torch.device("cpu"), "cuda")
    assert '"device": "cuda"' in run.identity
    with pytest.raises(UserError, match="workers=3: each takes a GPU, and PyTorch finds 2 here"):
        prepare("+model=digits", "workers=3", f"results_dir={tmp_path}")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("workers=0", "error: workers=0: must be auto or a number from 1\n"),
        ("workers=many", "error: workers=many: must be auto or a number from 1\n"),
        ("workers=1.5", "error: workers=1.5: must be a whole number or a text\n"),
    ],
)
def test_mistakes(option: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status, out, err = run_here(capsys, "sample", "+model=digits", option, f"results_dir={tmp_path}")
    assert (status, out, err) == (2, "", message)


def test_workers_beside_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"^workers=3: 2 were started already \(WORLD_SIZE\); leave workers out$"):
        prepare("+model=digits", "workers=3", f"results_dir={tmp_path}")
    prepare("+model=digits", "workers=2", f"results_dir={tmp_path}")


def test_auto_is_one_for_each_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = prepare("+model=digits", "device=cpu", f"results_dir={tmp_path}")
    assert run.num_workers == 1
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    assert run.num_workers == 1
    object.__setattr__(run, "device_type", "cuda")
    assert run.num_workers == 8
