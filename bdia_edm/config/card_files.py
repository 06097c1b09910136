"""What the cards and experiments in force say, by file: settings that nothing takes, and which file said an option.

Both look at Hydra's state, and so work where a config is composed or a Hydra command runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from bdia_edm.base.errors import UserError
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.base.option_names import named, options_named
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.yaml_files import load_yaml, shown_path

__all__ = ["cards_named", "check_settings", "own_folders"]

_SETTING = re.compile(r"model\.settings\.([\w.]+)")
_GROUPS = ("model", "sampler", "detector", "experiment")


@contextmanager
def cards_named(config_name: str, overrides: Sequence[str], config: DictConfig) -> Iterator[None]:
    """Within, messages about an option begin with the user's file that says it, where no override does.

    Args:
        overrides: all of the command line.
        config: what they make.
    """
    said = _said_in_files(config_name, overrides)
    for override in overrides:
        typed = override.lstrip("+~").partition("=")[0]
        if typed in _GROUPS:
            continue  # chooses a card
        for name in [name for name in said if name == typed or name.startswith(f"{typed}.")]:
            del said[name]
    values = OmegaConf.to_container(config, resolve=False) if said else {}

    def naming(option: str) -> str:
        # A sampler's option may be written as one of the card's settings.
        written = _value_at(values, option)
        taken = [f"model.settings.{name}" for name in _SETTING.findall(written)] if isinstance(written, str) else []
        # What the card should have and has not is the card's fault.
        missing = ["model" for name in taken if _value_at(values, name) is None]
        file = next((said[name] for name in (option, *taken, *missing) if name in said), None)
        return option if file is None else f"{shown_path(file)}: {option}"

    with options_named(naming):
        yield


def check_settings(config: DictConfig) -> None:
    """Raises UserError at a setting of the model's card that no option takes as its default."""
    values = OmegaConf.to_container(config, resolve=False)
    assert isinstance(values, dict)
    settings = _value_at(values, "model.settings")
    if not isinstance(settings, Mapping):
        return
    taken = sorted({name for path in _config_files() for name in _SETTING.findall(path.read_text(errors="replace"))})
    for name, value in _flat(settings):
        if name not in taken and not any(each.startswith(f"{name}.") for each in taken):
            given = f"{named(f'model.settings.{name}')}={value}"
            raise UserError(f"{given}: unknown setting; there are {', '.join(taken)}{did_you_mean(name, taken)}")


def _said_in_files(config_name: str, overrides: Sequence[str]) -> dict[str, Path]:
    """Every option that a file of the user's own says, with the last that does."""
    if not own_folders():
        return {}
    sources = _folders()
    loader = GlobalHydra.instance().config_loader()
    said: dict[str, Path] = {}
    for part in loader.compute_defaults_list(config_name, list(overrides), RunMode.RUN).defaults:
        path = part.config_path
        source = next((each for each in sources if path is not None and each.is_config(path)), None)
        if source is None:
            continue
        file = Path(source.path, f"{path}.yaml")
        where = f"{part.package}." if part.package and part.package != "_global_" else ""
        for name in (where.rstrip("."), *(where + name for name, _ in _flat(load_yaml(file)))):
            said.pop(name, None)
            if not file.is_relative_to(conf_folder()):
                said[name] = file
    return said


def own_folders() -> list[Path]:
    """The folders of cards in force beside conf/."""
    return [Path(source.path) for source in _folders() if Path(source.path) != conf_folder()]


def _folders() -> list[ConfigSource]:
    """The folders of configs in force, in the order in which they are searched."""
    return [each for each in GlobalHydra.instance().config_loader().get_sources() if each.scheme() == "file"]


def _config_files() -> Iterator[Path]:
    for source in _folders():
        for folder in (".", *_GROUPS):
            yield from (path for path in Path(source.path, folder).glob("*.yaml") if path.is_file())


def _flat(values: Mapping[Any, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Every name, with those above it, and its value: 'settings', 'settings.gamma'."""
    for key, value in values.items():
        yield f"{where}{key}", value
        if isinstance(value, Mapping):
            yield from _flat(value, f"{where}{key}.")


def _value_at(values: Any, name: str) -> Any:
    for key in name.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
