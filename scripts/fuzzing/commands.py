"""Commands in this process, each as far as it reads."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType
from unittest.mock import patch

import click
from click.testing import CliRunner
from hydra.core.global_hydra import GlobalHydra

from bdia_edm.run import comparing, one_run

__all__ = ["Refused", "run_click", "run_hydra"]


class Refused(Exception):
    """A command ended with an exit status that is not 0; what it said to stderr is the message."""


def run_click(command: click.Command, *words: str) -> None:
    """A click command, whole."""
    done = CliRunner().invoke(command, list(words))
    _finish(done.exit_code, done.stdout, done.stderr, done.exception)


def run_hydra(module: ModuleType, *words: str) -> None:
    """A Hydra command, up to where its runs would begin."""
    out, err, status, error = io.StringIO(), io.StringIO(), 0, None
    GlobalHydra.instance().clear()
    argv = [module.__name__, *words, "results_dir=out"]
    # A comparison finishes its runs by itself, the other commands by one_run.
    with (
        patch.object(comparing, "finish", _end),
        patch.object(one_run, "finish", _end),
        patch.object(sys, "argv", argv),
        redirect_stdout(out),
    ):
        try:
            with redirect_stderr(err):
                module.main()
        except SystemExit as ending:
            status = int(ending.code or 0)
        except BaseException as raised:  # what is looked for
            error = raised
    _finish(status, out.getvalue(), err.getvalue(), error)


def _end(*_: object) -> None:
    raise SystemExit(0)


def _finish(status: int, out: str, err: str, error: BaseException | None) -> None:
    """As the command did; what it said goes to the process's own outputs, for the judge."""
    if error is not None and not isinstance(error, SystemExit):
        raise error
    sys.stdout.write(out)
    if status:
        raise Refused(err.removesuffix("\n"))
    sys.stderr.write(err)
