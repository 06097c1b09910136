"""Where conf/ lies, and the user's own folders of the same layout beside it."""

from __future__ import annotations

from pathlib import Path

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import size_words
from bdia_edm.checkpoints.downloads import cached_path
from bdia_edm.checkpoints.locating import locate
from bdia_edm.config.yaml_files import load_yaml

__all__ = ["PACKAGE", "conf_folder", "model_list"]

PACKAGE = Path(__file__).resolve().parents[1]


def conf_folder() -> Path:
    """conf/: inside the package where a wheel installed it, beside the package in a checkout."""
    installed = PACKAGE / "conf"
    return installed if installed.is_dir() else PACKAGE.parent / "conf"


def model_list(*own: Path) -> dict[str, str]:
    """The name of every model card, those in the user's ``own`` folders included, with its description, its file's size
    where that is at hand, published figure and licence."""
    paths = [path for folder in (conf_folder(), *own) for path in sorted((folder / "model").glob("*.yaml"))]
    return {path.stem: _described(path) for path in paths}


def _described(path: Path) -> str:
    try:
        card = load_yaml(path)
    except UserError as error:
        # The others are shown all the same.
        return f"(cannot be read: {error})"
    published, licence = card.get("published"), card.get("licence")
    facts = [str(card.get("description", ""))]
    if file := _at_hand(card.get("path")):
        facts.append(f"{size_words(file.stat().st_size)} on this disk")
    if isinstance(published, dict) and "fid" in published:
        facts.append(f"FID {published['fid']} ({published.get('sampler', 'published')})")
    return "; ".join([*facts, *([] if licence is None else [f"licence {licence}"])])


def _at_hand(path: object) -> Path | None:
    """A network's file, where nothing must be fetched for it."""
    if not isinstance(path, str):
        return None
    try:
        file = cached_path(path) if "://" in path else locate(path)
    except UserError:
        return None
    return file if file.is_file() else None
