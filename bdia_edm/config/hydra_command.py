"""Running a command under Hydra: its errors in one line, nothing but the result on stdout."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.version import setbase
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line, to_stderr, to_stdout
from bdia_edm.base.signals import Interrupted, interruptible, quoted_status
from bdia_edm.config.card_files import cards_named, check_settings
from bdia_edm.config.common_config import AnyConfig, import_modules
from bdia_edm.config.composing import explain
from bdia_edm.config.conf_folder import conf_folder, model_list
from bdia_edm.config.help import help_text, listed
from bdia_edm.config.overrides import check_sweep, check_words, names_as_typed, swept_together
from bdia_edm.config.run_config import RunConfig
from bdia_edm.config.trajectory_config import TrajectoryOptions
from bdia_edm.config.yaml_files import checked_files
from bdia_edm.engine.device import says_out_of_memory
from bdia_edm.workers.board import ToldError
from bdia_edm.workers.meeting import is_leader, join, launched_ranks, leave, say_error, users_error_was_noted

__all__ = ["run_command", "say"]

_FULL_ERROR = "HYDRA_FULL_ERROR"
_WITH_VALUE = ("--cfg", "-c", "--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--package", "-p")
_SHORT = {"-q": "verbosity=quiet", "-v": "verbosity=verbose"}
# To say nothing means 1.1 to Hydra 1.3, and to 1.4, which takes it ill that anything is said, its own defaults.
_HYDRAS_BASE = {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}
_MOST_WORDS = 1000  # Hydra takes ten seconds for some thousands
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
    config: type[AnyConfig | TrajectoryOptions] = RunConfig,
) -> None:
    """Runs ``task`` with the config that Hydra makes of conf/ and the command line, or prints the help.

    Ends the process with status 2 and one line on stderr for a user's mistake, with 130 for Ctrl-C, 143 for
    SIGTERM and 129 for SIGHUP. Who sets HYDRA_FULL_ERROR=1 gets the traceback.

    Args:
        what, examples, more: for the help, as of ``help_text``.
        config: the dataclass of the options, for the help too.
    """
    if {"--help", "-h"} & set(sys.argv[1:]):
        with _one_line_errors(full_error=False):
            own, modules = _given("--config-dir", "-cd"), _given("modules")
            import_modules([name for given in modules for name in given.strip("[]").split(",") if name])
            to_stdout(help_text(what, examples, [Path(folder) for folder in own], more, config))
        return
    if "--list" in sys.argv[1:]:
        with _one_line_errors(full_error=False):
            to_stdout("\n".join(listed(model_list(*map(Path, _given("--config-dir", "-cd"))))))
        return
    if "--version" in sys.argv[1:]:
        to_stdout(f"bdia_edm {version('bdia_edm')}")
        return
    full_error = os.environ.get(_FULL_ERROR) == "1"
    stage = _Stage()
    # Hydra then raises what it would else print over several lines.
    os.environ[_FULL_ERROR] = "1"

    def checked(config: DictConfig) -> None:
        stage.within_task = True
        given = HydraConfig.get().overrides
        with _one_line_errors(full_error), cards_named(config_name, [*given.hydra, *given.task], config):
            check_settings(config)
            task(config)
        stage.within_task = False

    try:
        with _one_line_errors(full_error, stage), interruptible(_say_interrupted), checked_files():
            _meet_others()
            if _HYDRAS_BASE:
                setbase(*_HYDRAS_BASE.values())  # for the parser too, which is asked before Hydra
            if len(sys.argv) > _MOST_WORDS:
                raise UserError(f"{len(sys.argv) - 1:,} options; must be below {_MOST_WORDS:,}")
            # Hydra takes its own options before or after all others, but not between them.
            sys.argv[1:] = names_as_typed(_flags_first([_SHORT.get(word, word) for word in sys.argv[1:]]))
            given = _checked_line(sys.argv[1:])
            if given.multirun:
                # What stands before is Hydra's own.
                sys.argv[1:] = [*sys.argv[1 : len(sys.argv) - len(given.overrides)], *swept_together(given.overrides)]
            hydra.main(**_HYDRAS_BASE, config_path=str(conf_folder()), config_name=config_name)(checked)()
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


@dataclass
class _Stage:
    within_task: bool = False


def _checked_line(words: list[str]) -> Namespace:
    """What Hydra takes a command line for.

    Raises:
        UserError: it would not take it, and print several lines.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[assignment]
    given = parser.parse_args(words)
    check_words(given.overrides)
    # What a record's command could not say again.
    for name in ("config_path", "config_name", "experimental_rerun"):
        if getattr(given, name) is not None:
            raise UserError(f"--{name.replace('_', '-')}: not taken here; --config-dir=FOLDER adds cards of your own")
    for word in given.overrides:
        if word.lstrip("+").startswith("hydra.searchpath="):
            raise UserError(f"{word}: not taken here; --config-dir=FOLDER adds cards of your own")
    shown = [f"--{name}" for name in ("cfg", "info", "shell_completion") if getattr(given, name)]
    if shown and given.multirun:
        raise UserError(f"{shown[0].replace('_', '-')}: tells of one run; leave out -m, and one value for each option")
    if given.multirun:
        check_sweep(given.overrides)
    return given


def _refuse(problem: str) -> NoReturn:
    raise UserError(f"{problem}; --help and --hydra-help list what there is")


@contextmanager
def _one_line_errors(full_error: bool, stage: _Stage | None = None) -> Iterator[None]:
    """Ends the process on an error that is the user's; around the task too, since Hydra adds lines of its own.

    Args:
        stage: of a whole command: all that Hydra raises before and after the task is about options, cards or plugins.
    """
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
    except Exception as error:
        short = says_out_of_memory(error)
        expected = short or (stage is not None and not stage.within_task)
        if full_error or not expected or _IN_A_SWEEPS_JOB in os.environ:
            raise
        if short:
            say_error(f"the memory is too small for it: {one_line(error)}")
        elif type(error).__module__.startswith("submitit."):
            say_error(_explain_job(str(error)))
        else:
            say_error(explain(error, sys.argv[1:]))
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
