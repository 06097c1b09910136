"""Several detectors of one run, detector=[inception_nvidia,dinov2]: a list of their cards in the config.

Of the files of a list Hydra makes one config, in which the last has the last word; here each is its own again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from bdia_edm.base.errors import UserError

__all__ = ["detectors_apart"]

_GROUP = "detector"


def detectors_apart(config: DictConfig, config_name: str, overrides: Sequence[str]) -> list[str]:
    """Makes ``config.detector`` a list of cards where several were chosen; the names chosen, where it is a list of any.

    Works where a config is composed or a Hydra command runs.

    Args:
        config: what ``overrides`` make of the file ``config_name``.

    Raises:
        UserError: one stands there twice, or an option is of one of them and does not say of which.
    """
    loader = GlobalHydra.instance().config_loader()
    chosen = []
    for part in loader.compute_defaults_list(config_name, list(overrides), RunMode.RUN).defaults:
        folder, _, name = (part.config_path or "").partition("/")
        if folder == _GROUP and part.package == _GROUP:
            chosen.append(name)
    if len(chosen) < 2:
        return chosen
    for name in chosen:
        if chosen.count(name) > 1:
            raise UserError(f"detector=[{','.join(chosen)}]: {name} stands there twice")
    cards = [compose(config_name=f"{_GROUP}/{name}")[_GROUP] for name in chosen]
    together: dict[Any, Any] = {}
    for card in cards:
        together |= dict(card)
    given = OmegaConf.to_container(config[_GROUP], resolve=False)
    assert isinstance(given, dict)
    for name, value in {str(key): value for key, value in given.items()}.items():
        if name not in together or together[name] != value:
            raise UserError(
                f"detector.{name}={value}: does not say of which of detector=[{','.join(chosen)}] it is; write it into "
                "a card of your own (--config-dir)"
            )
    with open_dict(config):
        config[_GROUP] = cards
    return chosen
