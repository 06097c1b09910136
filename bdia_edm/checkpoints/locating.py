"""Where the files of cards are: in the package, at a URL (fetched into the cache), or at a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bdia_edm import assets
from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.base.option_names import named
from bdia_edm.checkpoints.downloads import fetch, file_sha256

__all__ = ["ASSETS", "RemoteFile", "fetch_files", "locate", "remote_files"]

ASSETS = Path(next(iter(assets.__path__)))
_EMBEDDED = "embedded:"


class RemoteFile(NamedTuple):
    """A file of a card that lies at a URL, with its pinned checksum and the most bytes that it may have."""

    url: str
    sha256: str | None = None
    most_bytes: int | None = None


def remote_files(path: str | None, sha256: str | None = None, most_bytes: int | None = None) -> list[RemoteFile]:
    """The file, if it must be fetched."""
    return [RemoteFile(path, sha256, most_bytes)] if path is not None and "://" in path else []


def fetch_files(files: Sequence[RemoteFile]) -> None:
    """Brings files from elsewhere into the cache.

    Raises:
        UserError: some cannot be had; a line for each says where it may be put by hand.
    """
    failures: list[str] = []
    for file in files:
        try:
            fetch(*file)
        except UserError as error:
            failures.append(str(error))
    if failures:
        raise UserError("\n".join(failures))


def locate(path: str, sha256: str | None = None, option: str = "model") -> Path:
    """The file of 'embedded:NAME', of a URL (fetched where it is not in the cache), or of a path.

    Args:
        sha256: the pinned checksum.
        option: what the file is, as in ``option.sha256``.

    Raises:
        UserError: the file cannot be had, or is not the one that is pinned.
    """
    if "://" in path:
        return fetch(path, sha256)
    found = ASSETS / path.removeprefix(_EMBEDDED) if path.startswith(_EMBEDDED) else Path(path)
    if sha256 is not None and found.is_file() and file_sha256(found) != sha256.lower():
        if (kind := kind_of(found)).name in ("empty", "html", "lfs"):
            raise UserError(f"{found}: {kind.words}")
        pin = named("model.reference_sha256" if option == "model.reference" else f"{option}.sha256")
        raise UserError(
            f"{found}: its sha256 is {file_sha256(found)}, {pin} is {sha256}; give its own to take this file"
        )
    return found
