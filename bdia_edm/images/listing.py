"""Which files of a folder or zip are images: each is read, or known to be none and said, or refused by its name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import Say, printable
from bdia_edm.images.image_file import EXTENSIONS

__all__ = ["is_hidden", "sort_names"]

_TEXTS = (".txt", ".json", ".jsonl", ".csv", ".tsv", ".md", ".yaml", ".yml", ".xml", ".html", ".log")
_NO_IMAGES = ("readme", "license", "thumbs.db", "desktop.ini")
_SHOWN = 4


def is_hidden(name: str) -> bool:
    """Whether the file or folder of this name, without what it lies in, is skipped with all that is below it."""
    return name.startswith(".") or name == "__MACOSX"


def sort_names(names: Iterable[str], given: str, say: Say) -> tuple[list[str], list[str]]:
    """The names of images and those of npz files, each in the order of their parts.

    'a/b' comes before 'a-b', as one sees it in a listing of the folder and in one of the zip.

    Args:
        names: relative, with '/'.
        given: what messages call the folder or zip.
        say: is told once what is skipped: texts, and what is hidden.

    Raises:
        UserError: there is a file that is neither read nor skipped.
    """
    images: list[str] = []
    arrays: list[str] = []
    others: list[str] = []
    skipped: set[str] = set()
    for name in sorted(names, key=lambda name: PurePosixPath(name).parts):
        path = PurePosixPath(name)
        ending = path.suffix.lower()
        hidden = next((at for at, part in enumerate(path.parts, 1) if is_hidden(part)), None)
        if hidden is not None:
            # A folder's own name stands for all that is in it.
            skipped.add("/".join(path.parts[:hidden]))
        elif ending in EXTENSIONS:
            images.append(name)
        elif ending == ".npz":
            arrays.append(name)
        elif ending in _TEXTS or path.name.lower() in _NO_IMAGES:
            skipped.add(name)
        else:
            others.append(name)
    if others:
        raise UserError(
            f"{given}: {_words(others)}: not read here; convert it to one of {', '.join(EXTENSIONS)}, or take it out"
        )
    if skipped:
        say(f"{given}: no images, skipped: {_words(sorted(skipped))}")
    return images, arrays


def _words(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(printable(name) for name in names[:_SHOWN]) + more
