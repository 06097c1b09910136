"""The process of one of a run's workers, as ``bdia_edm.workers.launch`` starts it.

Importing PyTorch takes seconds; what a signal does, and that this process ends with the launcher, is settled before.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

__all__ = ["end_with", "main"]

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Has the kernel end this process when ``parent``, who started it, ends, however that happens (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It ended in the meantime.
        os._exit(1)


def main(task: dict[str, Any]) -> None:
    """Does this worker's part; the leader leaves how the run ended, or the user's error, as the outcome.

    Args:
        task: "kind", the run's, and "home", the module that makes it known; "config", its options as plain values;
            "command", what the user typed; and what ``launch`` says.
    """
    # The launcher speaks for all: a worker ends at once, even within a long computation, and says nothing.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    # What Slurm sends to all of a sweep's job shortly before it is put back into the queue: only the launcher's affair.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    end_with(task["launcher"])
    # The launcher's stdout is for the result.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    from importlib import import_module

    from bdia_edm.base.errors import UserError
    from bdia_edm.base.lines import to_stderr
    from bdia_edm.base.whole_files import write_text_whole
    from bdia_edm.run.finish import next_board, take_part
    from bdia_edm.run.kinds import KINDS
    from bdia_edm.workers.meeting import leave
    from bdia_edm.workers.sharing import telling

    board = next_board()
    try:
        with telling(board):
            import_module(task["home"])
            kind = KINDS[task["kind"]]
            run = kind.prepare(kind.read(task["config"]), task["command"])
        outcome = take_part(run, board, to_stderr)._asdict()
    except UserError as error:
        outcome = {"error": str(error)}
    if board.rank == 0:
        write_text_whole(Path(task["outcome"]), json.dumps(outcome))
    leave()
