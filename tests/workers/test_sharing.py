"""How workers share a run; here they are threads."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from bdia_edm.api import Run, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.workers.board import Board
from bdia_edm.workers.sharing import announce_end, follow, lead

OPTIONS = ("+model=gaussian_mixture", "model.reference_samples=500", "seeds=0-99", "block_size=10")


class Together:
    """A leader in this thread and a follower in another."""

    def __init__(self, folder: Path) -> None:
        self.run: Run = prepare(*OPTIONS, "sampler.num_steps=3", f"results_dir={folder}")
        store = dist.HashStore()
        self.boards = [Board(store, rank, 2) for rank in range(2)]
        self.outcome: Any = None
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._follow)

    def finish(self) -> dict[str, Any]:
        self._thread.start()
        try:
            record = lead(self.run, self.boards[0], self.said.append)
            announce_end(self.boards[0], record)
        except (UserError, OSError) as error:
            # As Run.finish does.
            message = self.run.cannot_write(error) if isinstance(error, OSError) else str(error)
            self.boards[0].fail(message)
            raise UserError(message) from error
        finally:
            self._thread.join(20)
        return record

    def _follow(self) -> None:
        try:
            self.outcome = follow(self.run, self.boards[1])
        except UserError as error:
            self.outcome = str(error)


@pytest.fixture
def together(tmp_path: Path) -> Together:
    return Together(tmp_path)


def test_nobody_waits_for_a_slow_worker(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """The follower stays in its first block until the leader has made all others."""
    make = BlockFolder.make
    makers: list[tuple[bool, int]] = []
    all_others = threading.Event()
    has_drawn = threading.Event()

    def watched(self: BlockFolder, block: Any, *rest: Any) -> Any:
        leads = threading.current_thread() is threading.main_thread()
        if leads:
            assert has_drawn.wait(10)
        else:
            has_drawn.set()
            assert all_others.wait(10)
        shard = make(self, block, *rest)
        makers.append((leads, block.index))
        if len(makers) == 9:
            all_others.set()
        return shard

    monkeypatch.setattr(BlockFolder, "make", watched)
    record = together.finish()
    assert [leads for leads, _ in makers] == [True] * 9 + [False]
    assert sorted(index for _, index in makers) == list(range(10))
    assert together.outcome == record
    alone = prepare(*OPTIONS, "sampler.num_steps=3", f"results_dir={together.run.config.results_dir}/alone")
    assert alone.finish(str)["metrics"] == record["metrics"]


@pytest.mark.parametrize("failing", ["leader", "follower"])
@pytest.mark.parametrize("error", [UserError("seed 3: not finite"), OSError(28, "No space left on device")])
def test_an_error_of_one_ends_all(
    failing: str, error: Exception, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = BlockFolder.make
    made: list[int] = []

    def failed(self: BlockFolder, block: Any, *rest: Any) -> Any:
        if (threading.current_thread() is threading.main_thread()) == (failing == "leader"):
            raise error
        made.append(block.index)
        # Slow enough for the other to have its turn.
        threading.Event().wait(0.05)
        return make(self, block, *rest)

    monkeypatch.setattr(BlockFolder, "make", failed)
    message = str(error)
    if isinstance(error, OSError):
        message = f"{together.run.folder}: cannot write there: {error}; what is finished is kept"
    with pytest.raises(UserError) as caught:
        together.finish()
    assert str(caught.value) == message
    assert together.outcome == message
    # Nobody went on to the end.
    assert len(made) < 9


def test_a_run_that_was_done_before_is_over_for_all(together: Together) -> None:
    record = prepare(*OPTIONS, "sampler.num_steps=3", "results_dir=" + together.run.config.results_dir).finish(str)
    announcing = threading.Thread(target=announce_end, args=(together.boards[0], record))
    announcing.start()
    assert follow(together.run, together.boards[1]) == record
    announcing.join(5)
    assert not announcing.is_alive()


def test_a_worker_that_is_lost_is_not_waited_for(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that ends takes blocks with it, and where nobody starts again, nobody would make them."""
    monkeypatch.setattr("bdia_edm.workers.sharing._LOST", 1.0)
    together.boards[1].add("blocks drawn")
    record = lead(together.run, together.boards[0], together.said.append)
    expected = prepare(*OPTIONS, "sampler.num_steps=3", f"results_dir={together.run.folder}").finish(str)
    assert record["metrics"] == expected["metrics"]
    assert "nothing was heard of worker 1 for 1 s; what they had not finished is made here" in together.said
    assert any("00000.npz: it is gone; made again" in line for line in together.said)


def test_a_worker_that_works_is_waited_for(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than anyone may be silent: what counts is that it beats."""
    monkeypatch.setattr("bdia_edm.workers.sharing._LOST", 3.0)
    make = BlockFolder.make

    def slow(self: BlockFolder, block: Any, *rest: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(5)
        return make(self, block, *rest)

    monkeypatch.setattr(BlockFolder, "make", slow)
    together.finish()
    assert not any("nothing was heard" in line for line in together.said)


def test_workers_of_different_configs_do_not_work_together(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    make = BlockFolder.make

    def slow(self: BlockFolder, *rest: Any) -> Any:
        time.sleep(0.3)  # or the leader would be done before the other had a look
        return make(self, *rest)

    monkeypatch.setattr(BlockFolder, "make", slow)
    lead_run = together.run
    together.run = prepare(*OPTIONS, "sampler.num_steps=4", f"results_dir={lead_run.folder.parent}")
    follower = threading.Thread(target=together._follow)
    follower.start()
    with pytest.raises(UserError, match="worker 1 has another config, device or file than worker 0; all must have"):
        lead(lead_run, together.boards[0], together.said.append)
    follower.join(20)
    assert str(together.outcome).startswith("worker 1 has another config")
    assert not together.run.folder.exists()
