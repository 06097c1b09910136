"""Running a command under Hydra: its errors in one line, nothing but the result on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import to_stderr, to_stdout
from bdia_edm.base.signals import Interrupted, interruptible, quoted_status
from bdia_edm.config.composing import explain
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.help import help_text
from bdia_edm.config.overrides import names_as_typed
from bdia_edm.config.run_config import import_modules
from bdia_edm.workers.board import ToldError
from bdia_edm.workers.meeting import is_leader, join, launched_ranks, leave, say_error, users_error_was_noted

__all__ = ["run_command", "say"]

_FULL_ERROR = "HYDRA_FULL_ERROR"
_WITH_VALUE = ("--cfg", "-c", "--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--package", "-p")
_IN_A_SWEEPS_JOB = "SUBMITIT_EXECUTOR"


def say(line: str) -> None:
    """A line for the user, on stderr: stdout is for results. Of several processes the leader speaks."""
    if is_leader():
        to_stderr(line)


def run_command(
    config_name: str,
    task: Callable[[DictConfig], None],
    what: str,
    examples: Sequence[str],
    more: Sequence[str] = (),
) -> None:
    """Runs ``task`` with the config that Hydra makes of conf/ and the command line, or prints the help.

    Ends the process with status 2 and one line on stderr for a user's mistake, with 130 for Ctrl-C and 143 for
    SIGTERM. Who sets HYDRA_FULL_ERROR=1 gets the traceback.
    """
    if {"--help", "-h"} & set(sys.argv[1:]):
        with _one_line_errors(full_error=False):
            own, modules = _given("--config-dir", "-cd"), _given("modules")
            import_modules([name for given in modules for name in given.strip("[]").split(",") if name])
            to_stdout(help_text(what, examples, [Path(folder) for folder in own], more))
        return
    # Hydra takes its own options before or after all others, but not between them.
    sys.argv[1:] = names_as_typed(_flags_first(sys.argv[1:]))
    full_error = os.environ.get(_FULL_ERROR) == "1"
    # Hydra then raises what it would else print over several lines.
    os.environ[_FULL_ERROR] = "1"

    def checked(config: DictConfig) -> None:
        with _one_line_errors(full_error):
            task(config)

    try:
        with _one_line_errors(full_error), interruptible(_say_interrupted):
            _meet_others()
            hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=config_name)(checked)()
    finally:
        if not full_error:
            del os.environ[_FULL_ERROR]
    leave()


def _meet_others() -> None:
    """Meets those that were started together with this process, before an error can come that all of them have."""
    if users_error_was_noted():
        # torchrun starts its workers again whatever they ended in; this has been said, and would only be met again.
        sys.exit(2)
    if launched_ranks() is not None:
        join()


@contextmanager
def _one_line_errors(full_error: bool) -> Iterator[None]:
    """Ends the process on an error that is the user's; around the task too, since Hydra adds lines of its own."""
    try:
        yield
    except Interrupted as interrupted:
        _say_interrupted()
        sys.exit(quoted_status(interrupted.number))
    except (UserError, HydraException, OmegaConfBaseException, OSError) as error:
        # A job of a sweep that ended here would leave its launcher waiting for a result: that takes the error itself.
        if full_error or _IN_A_SWEEPS_JOB in os.environ:
            raise
        words = str(error) if isinstance(error, UserError) else explain(error, sys.argv[1:])
        say_error(words, told=isinstance(error, ToldError))
        sys.exit(2)
    except RuntimeError as error:
        if full_error or not type(error).__module__.startswith("submitit."):
            raise
        say_error(_explain_job(str(error)))
        sys.exit(2)


def _explain_job(report: str) -> str:
    """What a job of a sweep ended with, where it could not leave its error: submitit's report begins with that."""
    first = next((line.strip() for line in report.splitlines() if line.strip()), "no reason is known")
    return f"a job of the sweep left no result: {first}; the logs of all jobs are in RESULTS_DIR/.slurm"


def _say_interrupted() -> None:
    say("interrupted; what is finished is kept, and the same command goes on from there")


def _given(*names: str) -> list[str]:
    """The values of an option on the command line, as name=value or, with dashes, name value."""
    words = sys.argv[1:]
    found = [word.partition("=")[2] for word in words if word.partition("=")[0].lstrip("+") in names and "=" in word]
    return found + [value for word, value in pairwise(words) if word in names and word.startswith("-")]


def _flags_first(words: Sequence[str]) -> list[str]:
    """The command line with Hydra's own options, and their values, before those of the run."""
    flags: list[str] = []
    others: list[str] = []
    takes_value = False
    for word in words:
        (flags if takes_value or word.startswith("-") else others).append(word)
        takes_value = word in _WITH_VALUE
    return flags + others
