"""Running a command under Hydra: its errors in one line, nothing but the result on stdout."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import hydra
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue, OmegaConfBaseException

from bdia_edm.base.errors import UserError
from bdia_edm.base.signals import Interrupted, interruptible, quoted_status
from bdia_edm.config.cards import conf_folder, model_list
from bdia_edm.workers.board import ToldError
from bdia_edm.workers.meeting import is_leader, join, launched_ranks, leave, say_error, users_error_was_noted

__all__ = ["compose_values", "plain_values", "run_command", "say"]

_FULL_ERROR = "HYDRA_FULL_ERROR"
_IN_A_SWEEPS_JOB = "SUBMITIT_EXECUTOR"


def say(line: str) -> None:
    """A line for the user, on stderr: stdout is for results. Of several processes the leader speaks."""
    if is_leader():
        print(line, file=sys.stderr, flush=True)


def run_command(config_name: str, task: Callable[[DictConfig], None]) -> None:
    """Runs ``task`` with the config that Hydra makes of conf/ and the command line.

    Ends the process with status 2 and one line on stderr for a user's mistake, with 130 for Ctrl-C and 143 for
    SIGTERM. Who sets HYDRA_FULL_ERROR=1 gets the traceback.
    """
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
        say_error(str(error) if isinstance(error, UserError) else _explain(error), told=isinstance(error, ToldError))
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


def compose_values(overrides: Sequence[str]) -> dict[str, Any]:
    """The config of one run that ``sample`` would make of these options, outside of a Hydra command.

    Raises:
        UserError, hydra.errors.HydraException: an option is wrong.
    """
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        return plain_values(compose(config_name="sample", overrides=list(overrides)))


def plain_values(config: DictConfig) -> dict[str, Any]:
    """The config resolved to plain values.

    Raises:
        UserError: no model is chosen, or an option that must be given is missing.
    """
    if "model" not in config:
        known = model_list()
        width = max(map(len, known))
        models = "\n".join(f"  {name:<{width}}  {description}" for name, description in known.items())
        raise UserError(f"no model chosen; add +model=NAME, one of\n{models}")
    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        name = re.search(r"full_key: (\S+)", str(error))
        raise UserError(f"{name[1] if name else 'an option'}: missing; this model needs it") from error
    except InterpolationKeyError as error:
        raise UserError(f"the config does not resolve: {_explain(error)}") from error
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _explain(error: Exception) -> str:
    """Hydra's and OmegaConf's messages in one line, with the words of this program where it can say more."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines) or type(error).__name__
    if "submitit_slurm" in text:
        return "hydra/launcher=slurm: needs hydra-submitit-launcher; install it with pip install '.[cluster]'"
    group = re.search(r"Could not find '(\w+)/([^']*)'", text)
    if group:
        options = [line for line in str(error).splitlines() if line.startswith("\t") and "=" not in line]
        return f"{group[1]}={group[2]}: unknown; there are {', '.join(option.strip() for option in options)}"
    unknown = re.search(r"Could not override '([^']*)'.*\+(\S+)", text)
    if unknown and unknown[1].startswith("sampler.S_"):
        return f"{unknown[2]}: undefined for a deterministic sampler; sampler=edm and sampler=ablation take it"
    if unknown:
        return f"{unknown[2]}: unknown option; README.md and --cfg job list those there are"
    several = re.search(r"Ambiguous value for argument '([^']*)'", text)
    if several:
        name, _, value = several[1].partition("=")
        return f"{several[1]}: several values; quote them to mean one (\"{name}='{value}'\"), or add -m to run each"
    return text[:400]
