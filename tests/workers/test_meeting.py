"""How processes meet, and which of them speaks: threads first, then processes as torchrun or srun start them."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch.distributed as dist

from bdia_edm.api import finish, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.status import find_runs
from bdia_edm.workers.board import StartBoard
from bdia_edm.workers.meeting import (
    Team,
    _agree,
    is_leader,
    join,
    launched_ranks,
    leave,
    say_error,
    users_error_was_noted,
    was_started_again,
)
from tests.processes import command_line, descendants, is_alive, kill, read_command, started, wait_for, workers_of

LONG = ["+model=gaussian_mixture", "seeds=0-2999", "block_size=50", "batch_size=50", "sampler.num_steps=60"]


def in_threads(*parts: Callable[[], object]) -> None:
    threads = [threading.Thread(target=part) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def test_a_new_start_shares_nothing_with_the_last_one() -> None:
    """The launcher's store still holds what the processes before left in it."""
    board = StartBoard(dist.HashStore())
    names: list[str] = []
    for _ in range(5):
        agreed: dict[int, str] = {}

        def take_part(rank: int, agreed: dict[int, str] = agreed) -> None:
            agreed[rank] = _agree(board, rank, 3)

        in_threads(*(lambda rank=rank: take_part(rank) for rank in (2, 0, 1)))
        assert set(agreed) == {0, 1, 2}
        (name,) = set(agreed.values())
        names.append(name)
    assert len(set(names)) == 5


def test_a_team_has_a_clean_board_for_every_work() -> None:
    store = dist.HashStore()
    one, other = Team(store, 0, 2), Team(store, 1, 2)
    first, same = one.new_board(), other.new_board()
    assert (first.rank, same.rank, first.size, same.size) == (0, 1, 2, 2)
    first.announce("x")
    assert same.outcome() == "x"
    assert one.new_board().outcome() is None
    assert other.new_board().outcome() is None


def test_who_started_us(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched_ranks() is None
    assert is_leader()
    # A rank alone, as other programs leave it in the environment, is no team.
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert launched_ranks() is None
    assert is_leader()
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "1")
    assert launched_ranks() == 2
    assert not is_leader()
    assert not was_started_again()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert was_started_again()


@pytest.fixture
def teams() -> tuple[Team, Team, Team]:
    store = dist.HashStore()
    return Team(store, 0, 3), Team(store, 1, 3), Team(store, 2, 3)


def test_an_error_that_all_have_the_leader_says(teams: tuple[Team, Team, Team]) -> None:
    """Although it comes to it last; and nobody is through before it has been said."""
    said: list[str] = []
    ended: list[tuple[int, list[str]]] = []

    def end(team: Team) -> None:
        if team.rank == 0:
            time.sleep(0.4)
        team.say_error("class_idx=10: too large", False, said.append)
        ended.append((team.rank, list(said)))

    in_threads(*(lambda team=team: end(team) for team in teams))
    assert said == ["error: class_idx=10: too large"]
    assert sorted(ended) == [(rank, said) for rank in range(3)]


def test_a_followers_own_error_it_says_and_the_leader_hears(teams: tuple[Team, Team, Team]) -> None:
    leader, other, _ = teams
    said: list[str] = []
    follower = threading.Thread(target=other.say_error, args=("no such file", False, said.append))
    follower.start()
    time.sleep(0.3)
    # The leader could still meet the same.
    assert said == []
    board = leader.new_board()
    follower.join(5)
    assert said == ["error: rank 1: no such file"]
    with pytest.raises(UserError, match=r"^rank 1: no such file$"):
        board.check()
    leader.say_error("rank 1: no such file", False, said.append)
    assert said == ["error: rank 1: no such file"]


def test_an_error_in_the_next_work_waits_for_the_leader_to_come_there(teams: tuple[Team, Team, Team]) -> None:
    leader, other, _ = teams
    leader.new_board()
    other.new_board()
    said: list[str] = []
    follower = threading.Thread(target=other.say_error, args=("no such file", False, said.append))
    follower.start()
    time.sleep(0.3)
    assert said == []
    leader.new_board()
    follower.join(5)
    assert said == ["error: rank 1: no such file"]


def test_when_the_leader_has_left_a_follower_speaks(teams: tuple[Team, Team, Team]) -> None:
    teams[0].board.leave()
    said: list[str] = []
    in_threads(*(lambda team=team: team.say_error("it is gone", False, said.append) for team in teams[1:]))
    assert len(said) == 1
    assert said[0] in ("error: rank 1: it is gone", "error: rank 2: it is gone")


def test_what_the_leader_was_told_it_says(teams: tuple[Team, Team, Team]) -> None:
    leader, other, _ = teams
    # Both are in their work.
    leader.new_board()
    other.new_board()
    said: list[str] = []
    follower = threading.Thread(target=other.say_error, args=("seed 3: not finite", True, said.append))
    follower.start()
    time.sleep(0.3)
    assert said == []
    leader.say_error("seed 3: not finite", False, said.append)
    follower.join(5)
    assert said == ["error: seed 3: not finite"]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is rank 0 of one, and keeps the store."""
    environment = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port())}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield
    leave()


def test_only_a_store_is_opened(launched: None) -> None:
    team = join()
    assert join() is team
    assert (team.rank, team.size) == (0, 1)
    assert not dist.is_initialized()
    leave()
    assert team.board.has_left()
    assert join() is not team


def test_a_users_error_is_noted(launched: None) -> None:
    join()
    assert not users_error_was_noted()
    said: list[str] = []
    say_error("class_idx=10: too large", say=said.append)
    assert said == ["error: class_idx=10: too large"]
    assert users_error_was_noted()


def test_who_has_met_nobody_speaks() -> None:
    said: list[str] = []
    say_error("x=1: unknown", say=said.append)
    assert said == ["error: x=1: unknown"]
    assert not users_error_was_noted()


def test_whose_store_is_gone_is_silent(launched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: object) -> None:
        raise dist.DistNetworkError("Broken pipe")

    join()
    monkeypatch.setattr(StartBoard, "note_users_error", gone)
    say_error("x=1: unknown", say=lambda line: pytest.fail(line))


def test_where_nobody_can_meet(launched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("MASTER_PORT", str(port))
        message = f"RANK=0, WORLD_SIZE=1, MASTER_ADDR=localhost, MASTER_PORT={port}: the processes cannot meet there: "
        with pytest.raises(UserError, match=f"^{message}.*; where no other was started: unset RANK WORLD_SIZE "):
            join()


@pytest.mark.parametrize("rank", [0, 1])
def test_who_waits_in_vain_says_for_what(
    rank: int, launched: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A leader and a follower whose variables are left over; then the other comes after all, and both go on."""
    port = int(os.environ["MASTER_PORT"])
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("bdia_edm.workers.meeting._SOON", 0.0)
    waiting = threading.Thread(target=join)
    waiting.start()
    said = ""

    def is_said() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "\n" in said

    wait_for(is_said, seconds=10)
    assert waiting.is_alive()
    assert said.splitlines()[0] == (
        f"RANK={rank}, WORLD_SIZE=2, MASTER_ADDR=localhost, MASTER_PORT={port}: waiting for the other processes there; "
        "where no other was started: unset RANK WORLD_SIZE MASTER_ADDR MASTER_PORT"
    )
    store = dist.TCPStore("localhost", port, 2, is_master=rank == 1)
    _agree(StartBoard(store), 1 - rank, 2)
    waiting.join(10)
    assert not waiting.is_alive()


def test_who_meets_soon_says_nothing(launched: None, capsys: pytest.CaptureFixture[str]) -> None:
    join()
    assert capsys.readouterr().err == ""
    wait_for(lambda: not any(isinstance(thread, threading.Timer) for thread in threading.enumerate()), seconds=5)


def test_two_machines(tmp_path: Path) -> None:
    """Two torchruns that meet, as on two nodes; a worker of the second dies, and both start theirs again."""
    options = [*LONG, f"results_dir={tmp_path}"]
    run = prepare(*options)
    line = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    line += ["--max-restarts", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{free_port()}"]
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
    # It was written by the first start where the second worker had had no part in it yet when it was killed.
    assert sum(("written: " in err) + ("done before: " in err) for _, err in outputs) == 1
    again = finish(prepare(*LONG, f"results_dir={tmp_path / 'alone'}"), str)
    assert json.loads(out)["metrics"] == again["metrics"]


def test_each_rank_ends_with_its_own_status(tmp_path: Path) -> None:
    """Started as srun would, without anyone to watch: on SIGTERM the leader speaks, both end at once."""
    run = prepare(*LONG, f"results_dir={tmp_path}")
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port())}
    line = command_line("sample", *LONG, f"results_dir={tmp_path}")
    with started(line, RANK="0", **world) as leader, started(line, RANK="1", **world) as other:
        wait_for(lambda: len(list(run.folder.glob("shards/*.npz"))) >= 2, leader)
        for process in (leader, other):
            process.terminate()
        spoken, silent = leader.communicate(timeout=10), other.communicate(timeout=10)
    assert (leader.returncode, other.returncode) == (143, 143)
    assert silent == ("", "")
    assert spoken[1].endswith("interrupted; what is finished is kept, and the same command goes on from there\n")


@pytest.mark.parametrize("bad_ranks", [(0,), (1,), (0, 1)])
def test_an_early_error_ends_all_and_is_said_once(bad_ranks: tuple[int, ...], tmp_path: Path) -> None:
    """Started as srun would: nobody ends the others, and no other waits for who has failed."""
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port())}
    good = command_line("sample", *LONG, f"results_dir={tmp_path}")
    lines = [[*good, "sampler.gamma=2"] if rank in bad_ranks else good for rank in range(2)]
    with started(lines[0], RANK="0", **world) as leader, started(lines[1], RANK="1", **world) as other:
        outputs = [process.communicate(timeout=30) for process in (leader, other)]
    assert (leader.returncode, other.returncode) == (2, 2), outputs
    assert [out for out, _ in outputs] == ["", ""]
    errors = [line for _, err in outputs for line in err.splitlines() if "error" in line]
    assert errors == [f"error: {'' if 0 in bad_ranks else 'rank 1: '}sampler.gamma=2.0: must be from 0 to 1"], outputs
    assert not any("Traceback" in err for _, err in outputs)


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
