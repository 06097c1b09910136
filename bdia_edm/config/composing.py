"""From options to a config, outside of a Hydra command too, and back to the command; errors in one line."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import VersionBase, setbase
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.base.option_names import named
from bdia_edm.config.card_files import cards_named, check_settings, own_folders
from bdia_edm.config.chosen_detectors import detectors_apart
from bdia_edm.config.conf_folder import conf_folder, model_list
from bdia_edm.config.detector_card import detector_names
from bdia_edm.config.help import listed
from bdia_edm.config.interpolations import check_growth
from bdia_edm.config.overrides import check_words, names_as_typed, option_names
from bdia_edm.config.run_config import RunConfig, read_config
from bdia_edm.config.yaml_files import checked_files, load_yaml
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.sampler import Sampler

__all__ = ["compose_config", "compose_run", "compose_values", "explain", "own_folder", "plain_values", "shell_command"]

_ONE_AT_A_TIME = threading.RLock()


def compose_config(
    overrides: Sequence[str], config_dir: str | Path | None = None, sampler: Sampler | None = None
) -> RunConfig:
    """The checked config of one run that ``sample`` would make of these options, outside of a Hydra command.

    Works in any thread and within a program that is a Hydra command itself: Hydra's global state is put back. (A
    program that composes configs of its own in another thread at the same time shares that state with this.)

    Args:
        config_dir: a folder of the user's own, laid out as conf/, as ``--config-dir`` takes it.
        sampler: one of the user's own, instead of the config's.

    Raises:
        UserError: an option is wrong.
    """
    with _composition(overrides, config_dir) as config:
        return read_config(plain_values(config), sampler)


def compose_values(
    overrides: Sequence[str], config_dir: str | Path | None = None, command: str = "sample"
) -> dict[str, Any]:
    """As ``compose_config``, but the plain values, which have still to be read; of any command under Hydra."""
    with _composition(overrides, config_dir, command) as config:
        return plain_values(config)


@contextmanager
def _composition(
    overrides: Sequence[str], config_dir: str | Path | None, command: str = "sample"
) -> Iterator[DictConfig]:
    if config_dir is not None and not Path(config_dir).is_dir():
        raise UserError(
            f"config_dir={config_dir}: no such folder; it must be laid out as conf/ (model/, sampler/, ...)"
        )
    search_path = create_config_search_path(str(conf_folder()))
    if config_dir is not None:
        # Where --config-dir has it.
        own = f"file://{Path(config_dir).resolve()}"
        search_path.prepend("command-line", own, anchor=SearchPathQuery(provider="schema"))
    with _hydra_of_ones_own():
        setbase("1.3")
        Hydra.create_main_hydra2(command, search_path)
        words = names_as_typed(overrides)
        check_words(words)
        config = _composed(words, command)
        with cards_named(command, words, config):
            check_settings(config)
            yield config


def compose_run(overrides: Sequence[str], command: str = "sample", has_model: bool = True) -> dict[str, Any]:
    """As ``compose_values`` within a Hydra command of this program, with that command's folders of cards."""
    return plain_values(_composed(overrides, command), has_model)


def _composed(overrides: Sequence[str], command: str) -> DictConfig:
    try:
        config = compose(config_name=command, overrides=list(overrides))
        detectors_apart(config, command, overrides)
        return config
    except UserError:
        raise
    except Exception as error:  # Hydra has many ways to say that an option or a card is wrong
        raise UserError(explain(error, overrides)) from error


def shell_command(overrides: Sequence[str], config_dir: str | Path | None = None, command: str = "sample") -> str:
    """The shell line that runs ``command`` with these overrides, and cards of the user's own in ``config_dir``."""
    own = [] if config_dir is None else [f"--config-dir={config_dir}"]
    return shlex.join(["python", "-m", f"bdia_edm.{command}", *own, *overrides])


def own_folder() -> str | None:
    """The folder of the user's own cards that the Hydra command in progress was given (--config-dir)."""
    sources = HydraConfig.get().runtime.config_sources
    return next((str(source.path) for source in sources if source.provider == "command-line"), None)


@contextmanager
def _hydra_of_ones_own() -> Iterator[None]:
    with _ONE_AT_A_TIME:
        hydra_before, base_before = GlobalHydra.instance().hydra, VersionBase.instance().version_base
        GlobalHydra.instance().clear()
        try:
            with checked_files():
                yield
        finally:
            GlobalHydra.instance().hydra = hydra_before
            VersionBase.instance().version_base = base_before


def plain_values(config: DictConfig, has_model: bool = True) -> dict[str, Any]:
    """The config resolved to plain values.

    Args:
        has_model: whether it needs one.

    Raises:
        UserError: no model is chosen, an option that must be given is missing, or a value takes too many others.
    """
    if has_model and "model" not in config:
        models = "\n".join(listed(model_list(*own_folders())))
        raise UserError(f"no model chosen; add +model=NAME, one of\n{models}")
    unresolved = OmegaConf.to_container(config, resolve=False)
    assert isinstance(unresolved, dict)
    check_growth(unresolved)
    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        name = re.search(r"full_key: (\S+)", str(error))
        why = "; this model needs it" if has_model else "; it must be given"
        raise UserError(f"{name[1] if name else 'an option'}: missing{why}") from error
    except OmegaConfBaseException as error:
        raise UserError(_explain_reference(error)) from error
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _explain_reference(error: OmegaConfBaseException) -> str:
    """What is said of a value that refers to another one, which is not there or not what it should be."""
    problem = next(iter(str(error).splitlines()), "")
    option = named(error.full_key) if error.full_key else "the config"
    missing = re.search(r"Interpolation key '([^']*)' not found", problem)
    if missing:
        whose = "; a model's card must have it" if missing[1].startswith("model.") else ""
        return f"{option}: takes the value of {missing[1]}, which is not there{whose}"
    return f"{option}: does not resolve: {one_line(problem)}"


def explain(error: Exception, overrides: Sequence[str] = ()) -> str:
    """Hydra's and OmegaConf's messages in one line, with the words of this program where it can say more.

    Args:
        overrides: what the user gave, which tells the sampler in use.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines and error.__cause__ is not None:
        lines = str(error.__cause__).splitlines()[:1]
    text = " ".join(lines) or type(error).__name__
    if isinstance(error, RecursionError):
        return "the defaults lists of the cards lead in a circle, or the options are nested too deep"
    if "Additional config directory" in text:
        return f"{text.replace('Additional config directory', '--config-dir:')}; it must be laid out as conf/"
    if "Could not find 'hydra/launcher/submitit_slurm'" in text:
        return "hydra/launcher=slurm: needs hydra-submitit-launcher; install it with pip install '.[cluster]'"
    if 'Could not detect "srun"' in text or "Could not detect 'srun'" in text:
        return "hydra/launcher=slurm: there is no Slurm on this machine (srun is not found); start the sweep on one"
    card = re.search(r"In '([^']*)': Could not load '([^']*)'", text)
    if card:
        name, words = Path(card[2]).name, [printable(word) for word in overrides if word.startswith("detector=[")]
        if words and card[2].startswith("detector/") and re.search(rf"\b{re.escape(name)}\b", words[-1]):
            return f"{words[-1]}: {name} is unknown; there are {', '.join(detector_names())}"
        return f"{card[1]}.yaml: its defaults list names {card[2]}, and there is no such file beside it or in conf/"
    group = re.search(r"Could not find '((?:hydra/)?\w+)/([^']*)'", text)
    if group:
        lines = [line for line in str(error).splitlines() if line.startswith("\t") and "=" not in line]
        known = [line.strip() for line in lines]
        chosen = f"{group[1]}={group[2]}"
        inside = re.search(r"In '(\w+/\w+)': Could not find", text)
        typed = any(each.lstrip("+") == chosen for each in overrides)
        where = f"{inside[1]}.yaml: " if inside and overrides and not typed else ""
        return f"{where}{printable(chosen)}: unknown; there are {', '.join(known)}{did_you_mean(group[2], known)}"
    if "@experiment." in text:
        chosen = next((printable(word) for word in overrides if word.startswith("experiment=")), "experiment")
        return f"{chosen}: its file must begin with the line '# @package _global_'"
    unknown = re.search(r"Could not override '([^']*)'.*? use \+(.+?)(?: Key '|$)", text)
    if unknown:
        given, takers = printable(unknown[2]), _samplers_with(unknown[1])
        if unknown[1] == "model":
            return f"{given}: a model is added with a plus sign: +{given}"
        if takers:
            return f"{given}: {_sampler_in_use(overrides)} has no such option; {takers} takes it"
        if unknown[1] in option_names():
            if "." not in unknown[1]:
                return f"{given}: no option of this command, but of another; --help lists those there are"
            return f"{given}: no card in use says it; add it with a plus sign: +{given}"
        return f"{given}: unknown option; --help lists those there are{did_you_mean(unknown[1], option_names())}"
    twice = re.search(r"Multiple values for (\w+)\. .*'override \w+: (\S+)'", text)
    if twice:
        name, choice = twice[1], printable(twice[2])
        return f"{name}={choice}: {name} is chosen twice; leave one out, or a plus sign before {name}="
    several = re.search(r"Ambiguous value for argument '(.*?)' 1\. |parameters '(.*)' requires --multirun", text)
    if several:
        given = printable(several[1] or several[2])
        name, _, value = given.replace("'", "").partition("=")
        return f"{given}: several values; quote them to mean one (\"{name}='{value}'\"), or add -m to run each"
    other_kind = re.fullmatch(r"Error merging override (.+)", text)
    if other_kind:
        return f"{printable(other_kind[1])}: must be of the option's own kind, as --help shows it"
    absent = re.search(r"Could not delete '([^']*)'\. No match in the defaults list", text)
    if absent:
        return f"~{printable(absent[1])}: takes out what is not chosen; leave it out"
    referring = [each for each in overrides if "${" in each]
    if isinstance(error, OmegaConfBaseException) and referring:
        return f"{printable(', '.join(referring))}: does not resolve: {one_line(text)}"
    return one_line(text, 400)


def _samplers_with(option: str) -> str:
    """The samplers that have ``option``, as the user chooses them; '' where none has it."""
    where, _, name = option.partition(".")
    having = [sampler for sampler in SAMPLERS.names() if name in (field.name for field in fields(SAMPLERS[sampler]))]
    return " or ".join(f"sampler={sampler}" for sampler in having) if where == "sampler" else ""


def _sampler_in_use(overrides: Sequence[str]) -> str:
    """The sampler that these choose, or the default."""
    chosen = [each.partition("=")[2] for each in overrides if each.startswith("sampler=")]
    usual = [each["sampler"] for each in load_yaml(conf_folder() / "sample.yaml")["defaults"] if "sampler" in each]
    name = [*usual, *chosen][-1]
    return name if name in SAMPLERS else "the sampler in use"
