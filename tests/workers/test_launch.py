"""Workers in processes of their own, whatever they do."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.workers.launch import MAX_RESTARTS, launch

PROGRAM = """
import json, os, pathlib, signal, sys

def main(task):
    # In one piece, so that lines of several processes do not mix.
    os.write(2, f"worker {os.environ['RANK']} of {os.environ['WORLD_SIZE']}\\n".encode())
    assert os.getppid() == task["launcher"]
    start = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    if task.get("signals"):
        os.kill(task["launcher"], getattr(signal, task["signals"]))
    if os.environ["RANK"] == "1" and start < task["dies"]:
        os.kill(os.getpid(), signal.SIGKILL) if task["how"] == "SIGKILL" else sys.exit(7)
    if os.environ["RANK"] == "0" and task["leaves"]:
        pathlib.Path(task["outcome"]).write_text(json.dumps({"starts": start + 1, "said": task["say"]}))
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that is only found where the caller finds it."""
    (tmp_path / "a_program.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "a_program"


def task(dies: int = 0, how: str = "SIGKILL", leaves: bool = True) -> dict[str, object]:
    return {"dies": dies, "how": how, "leaves": leaves, "say": "größer"}


def test_the_leaders_outcome_comes_back(program: str, capfd: pytest.CaptureFixture) -> None:
    assert launch(program, task(), 3) == {"starts": 1, "said": "größer"}
    out, err = capfd.readouterr()
    assert out == ""
    assert sorted(err.splitlines()) == ["worker 0 of 3", "worker 1 of 3", "worker 2 of 3"]


def test_who_dies_is_started_again(program: str) -> None:
    assert launch(program, task(dies=2), 2) == {"starts": 3, "said": "größer"}


@pytest.mark.parametrize(("how", "words"), [("SIGKILL", "by SIGKILL"), ("exit", "with exit status 7")])
def test_who_dies_again_and_again_is_one_line(how: str, words: str, program: str, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(UserError) as caught:
        launch(program, task(dies=MAX_RESTARTS + 1, how=how), 2)
    assert str(caught.value) == (
        f"the workers were started 4 times, and each time one died (at last worker 1, {words}); "
        "what is finished is kept, and the same command goes on from there"
    )
    # torch's launcher has said nothing about it.
    assert {line.split()[0] for line in capfd.readouterr().err.splitlines()} == {"worker"}


def test_without_an_outcome(program: str) -> None:
    with pytest.raises(UserError, match=r"^the workers ended without a result; what is finished is kept$"):
        launch(program, task(leaves=False), 1)


def test_the_caller_gets_its_signals_and_logs_back(program: str) -> None:
    def handled(number: int, frame: object) -> None:
        raise AssertionError

    logger = logging.getLogger("torch.distributed.elastic.agent")
    level, before = logger.level, signal.signal(signal.SIGTERM, handled)
    try:
        launch(program, task(), 1)
        assert signal.getsignal(signal.SIGTERM) is handled
        assert logger.level == level
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_for_who_handled_it_before(number: signal.Signals, program: str) -> None:
    got: list[int] = []
    before = signal.signal(number, lambda number, frame: got.append(number))
    try:
        with pytest.raises(UserError, match=f"^ended by {number.name}; what is finished is kept$"):
            launch(program, task(dies=MAX_RESTARTS + 1) | {"signals": number.name}, 2)
        assert got == [number]
    finally:
        signal.signal(number, before)


def test_under_nohup_a_closed_terminal_ends_nothing(program: str) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert launch(program, task() | {"signals": "SIGHUP"}, 2)["starts"] == 1
    finally:
        signal.signal(signal.SIGHUP, before)
