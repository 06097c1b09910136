"""Where conf/ lies, and the user's own folders of the same layout beside it."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

__all__ = ["PACKAGE", "conf_folder", "model_list"]

PACKAGE = Path(__file__).resolve().parents[1]


def conf_folder() -> Path:
    """conf/: inside the package where a wheel installed it, beside the package in a checkout."""
    installed = PACKAGE / "conf"
    return installed if installed.is_dir() else PACKAGE.parent / "conf"


def model_list(*own: Path) -> dict[str, str]:
    """The name and description of every model card, those in the user's ``own`` folders included."""
    paths = [path for folder in (conf_folder(), *own) for path in sorted((folder / "model").glob("*.yaml"))]
    cards = {path.stem: DictConfig(OmegaConf.load(path)) for path in paths}
    return {name: str(card.get("description", "")) for name, card in cards.items()}
