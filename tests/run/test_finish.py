"""From a run to its record by several workers: threads, processes of this machine, torchrun's ranks; and one voice."""

from __future__ import annotations

import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from bdia_edm.api import Run, finish, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.records.notes import Plan, note_error, read_error, read_plan
from bdia_edm.run import finish as module
from bdia_edm.run.finish import Ending, take_part
from bdia_edm.workers.board import Board, ToldError
from tests.processes import command_line, started

OPTIONS = ("+model=gaussian_mixture", "model.reference_samples=500", "seeds=0-99", "block_size=10")
BOTH = ["+model=digits,gaussian_mixture", "seeds=0-239", "block_size=40", "batch_size=20", "sampler.num_steps=4"]


def the_run(folder: Path, *options: str) -> Run:
    return prepare(*OPTIONS, "sampler.num_steps=3", f"results_dir={folder}", *options)


class Together:
    """A leader in this thread and a follower in another, each with a run of its own."""

    def __init__(self, folder: Path) -> None:
        store = dist.HashStore()
        self.boards = [Board(store, rank, 2) for rank in range(2)]
        self.runs = [the_run(folder), the_run(folder)]
        self.said: list[str] = []
        self.followers: Any = None
        self._thread = threading.Thread(target=self._follow)

    def finish(self) -> Ending:
        self._thread.start()
        try:
            return take_part(self.runs[0], self.boards[0], self.said.append)
        finally:
            self._thread.join(20)
            assert not self._thread.is_alive()

    def _follow(self) -> None:
        try:
            self.followers = take_part(self.runs[1], self.boards[1], lambda line: pytest.fail(line))
        except UserError as error:
            self.followers = error


@pytest.fixture
def together(tmp_path: Path) -> Together:
    return Together(tmp_path)


def leads() -> bool:
    return threading.current_thread() is threading.main_thread()


def test_two_workers_end_in_the_figures_of_one(
    together: Together, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = BlockWork.make
    makers: list[bool] = []
    follower_has_made = threading.Event()

    def watched(self: BlockWork, *arguments: Any) -> Any:
        # Neither is to make all before the other has begun.
        assert not leads() or follower_has_made.wait(10)
        shard = make(self, *arguments)
        makers.append(leads())
        if not leads():
            follower_has_made.set()
        return shard

    monkeypatch.setattr(BlockWork, "make", watched)
    ending = together.finish()
    assert set(makers) == {True, False}
    assert len(makers) == 10
    assert not ending.done_before
    assert together.followers == ending
    assert ending.record["workers"] == 2
    assert ending.record["images_found"] == 0
    assert ending.record["images_per_wall_second"] == pytest.approx(100 / ending.record["wall_seconds"])
    assert ending.record["images_per_second"] == pytest.approx(100 / ending.record["device_seconds"])
    monkeypatch.undo()
    alone = finish(the_run(tmp_path / "alone"), str)
    assert alone["metrics"] == ending.record["metrics"]
    left = ["grid.png", "log.txt", "preview.npz", "record.json", "uncertainty.npz"]
    assert sorted(path.name for path in together.runs[0].folder.iterdir()) == left


def test_a_run_that_was_done_before_is_over_for_all(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    record = finish(together.runs[0], str)
    monkeypatch.setattr(BlockWork, "make", lambda *arguments: pytest.fail("it is done"))
    assert together.finish() == Ending(record, True)
    assert together.followers == Ending(record, True)
    assert together.said == []


@pytest.mark.parametrize("failing", ["leader", "follower"])
@pytest.mark.parametrize("error", [UserError("seed 3: not finite"), OSError(28, "No space left on device")])
def test_an_error_of_one_ends_all(
    failing: str, error: Exception, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = BlockWork.make

    def failed(self: BlockWork, *arguments: Any) -> Any:
        if leads() == (failing == "leader"):
            raise error
        # Slow enough for the other to have its turn.
        threading.Event().wait(0.05)
        return make(self, *arguments)

    monkeypatch.setattr(BlockWork, "make", failed)
    run = together.runs[0]
    message = str(error)
    if isinstance(error, OSError):
        message = f"{run.folder}: cannot write there: {error}; what is finished is kept"
    with pytest.raises(UserError) as caught:
        together.finish()
    assert str(caught.value) == message
    assert isinstance(together.followers, ToldError)
    assert str(together.followers) == message
    # It is noted for who looks at the folder, and the lock is free.
    assert str(error) in str(read_error(run.folder))
    assert read_plan(run.folder) == Plan(100, 10, 0, 2, run.command)
    assert not (run.folder / "lock").exists()


def test_an_error_after_the_last_block_ends_all(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bdia_edm.run.summary.write_grid", full)
    message = (
        f"{together.runs[0].folder}: cannot write there: [Errno 28] No space left on device; what is finished is kept"
    )
    with pytest.raises(UserError) as caught:
        together.finish()
    assert str(caught.value) == message
    assert str(together.followers) == message


def test_workers_of_different_configs_do_not_work_together(
    together: Together, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = BlockWork.make

    def slow(self: BlockWork, *arguments: Any) -> Any:
        threading.Event().wait(0.3)  # or the leader would be done before the other had a look
        return make(self, *arguments)

    monkeypatch.setattr(BlockWork, "make", slow)
    together.runs[1] = the_run(tmp_path, "sampler.num_steps=4")
    with pytest.raises(UserError, match="worker 1 has another config, device or file than worker 0; all must have"):
        together.finish()
    assert str(together.followers).startswith("worker 1 has another config")
    assert not together.runs[1].folder.exists()


def test_no_worker_is_started_for_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = finish(the_run(tmp_path), str)
    monkeypatch.setattr(module, "launch", lambda *arguments: pytest.fail("there is nothing to do"))
    said: list[str] = []
    run = the_run(tmp_path, "workers=2")
    assert finish(run, said.append) == record
    assert said == [f"done before: {run.folder}"]


def test_that_all_workers_died_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they died before they came to the run, and with what an earlier start has left."""

    def died(*arguments: object) -> None:
        raise UserError("one died")

    monkeypatch.setattr(module, "launch", died)
    run = the_run(tmp_path, "workers=2")
    with pytest.raises(UserError, match=r"^one died$"):
        finish(run, str)
    plan = Plan(100, 10, 0, 2, run.command)
    assert (read_plan(run.folder), read_error(run.folder)) == (plan, "one died")
    other = the_run(tmp_path, "workers=2", "sampler.num_steps=4")
    earlier = Plan(100, 10, 0, 8, "earlier")
    note_error(other.folder, earlier, UserError("the first"))
    with pytest.raises(UserError, match=r"^one died$"):
        finish(other, str)
    assert (read_plan(other.folder), read_error(other.folder)) == (earlier, "one died")


def test_the_users_error_of_a_worker_is_the_callers(tmp_path: Path) -> None:
    """What only the workers meet: the file is gone when they come to it."""
    reference = tmp_path / "reference.npz"
    whole = Path(module.__file__).parents[1] / "assets" / "digits_reference.npz"
    reference.write_bytes(whole.read_bytes())
    options = ("+model=digits", "seeds=0-19", f"model.reference={reference}", f"results_dir={tmp_path}", "workers=2")
    run = prepare(*options)
    reference.unlink()
    with pytest.raises(UserError, match=rf"^model.reference={reference}: no such file"):
        finish(run, str)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The records of one worker, with all threads that PyTorch takes."""
    folder = tmp_path_factory.mktemp("alone")
    models = ("+model=digits", "+model=gaussian_mixture")
    return [finish(prepare(model, *BOTH[1:], f"results_dir={folder}"), str) for model in models]


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
        "digits-bdia-4steps-gamma0.3-trapezoid",
        "gaussian_mixture-bdia-4steps-gamma0.1-euler",
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
    code = "from bdia_edm.api import finish, prepare\n"
    code += f"run = prepare('+model=digits', 'seeds=0-79', 'block_size=20', 'workers=2', r'results_dir={tmp_path}')\n"
    code += "print(finish(run, lambda line: print('said:', line))['workers'])"
    with started([sys.executable, "-c", code]) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert re.fullmatch(r"said: written: .*\n2\n", out)
