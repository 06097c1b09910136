"""python kill_often.py WORKERS TIMES OPTION...: begins a run again and again, and kills all of it at random moments.

A run that is finished before it is killed begins anew. Prints the records of those, as a JSON list. Not a test
itself: test_faults runs it. Each attempt is a fork of this process, which has everything loaded; two workers find
each other as under srun.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import sys
import time

from bdia_edm.api import Run, finish, prepare
from bdia_edm.records.record import read_record


def attempt(run: Run, rank: int, size: int, port: int) -> int:
    """Starts one worker; returns its process."""
    if child := os.fork():
        return child
    if size > 1:
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size)}
        os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    finish(run, lambda line: None)
    os._exit(0)


def main() -> None:
    size, times = int(sys.argv[1]), int(sys.argv[2])
    run = prepare(*sys.argv[3:])
    chance = random.Random(size)
    killed, finished = 0, []
    while killed < times:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        children = [attempt(run, rank, size, port) for rank in range(size)]
        time.sleep(chance.uniform(0, 0.4))
        for child in children:
            os.kill(child, signal.SIGKILL)
        statuses = [os.waitpid(child, 0)[1] for child in children]
        # Some of it may have ended well before it was killed.
        killed += any(os.WIFSIGNALED(status) for status in statuses)
        if (record := read_record(run.folder)) is not None and killed < times:
            finished.append(record)
            shutil.rmtree(run.folder)
    print(json.dumps(finished))


if __name__ == "__main__":
    main()
