"""Folders of models, or HuggingFace hub ids that are fetched to be such; and the libraries without their talk."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import diffusers
import transformers

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line

__all__ = ["folder_of", "quiet"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def folder_of(where: str, given: str, example: str, fetch: Callable[[str], object]) -> Path:
    """The folder ``where``, or the one in HuggingFace's cache where it is a hub id.

    Args:
        given: the option and its value, as errors name them.
        example: a hub id.
        fetch: a hub id to its folder, fetched where it is not in the cache.

    Raises:
        UserError: there is no such folder, and nothing can be fetched.
    """
    folder = Path(where).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists() or not _HUB_ID.fullmatch(where):
        raise UserError(
            f"{given}: no such folder; must be one that save_pretrained wrote, or a hub id such as {example}"
        )
    try:
        with quiet():
            return Path(str(fetch(where)))
    except Exception as error:  # the hub's, the network's and the libraries' own, of many kinds
        raise UserError(
            f"{given}: no such folder, and as a hub id it is not in HuggingFace's cache and cannot be fetched "
            f"(is there internet?): {one_line(error, 160)}"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' progress bars and their remarks on what is left out."""
    logs = (diffusers.utils.logging, transformers.utils.logging)
    before = [log.get_verbosity() for log in logs]
    for log in logs:
        log.set_verbosity_error()
        log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # Several lines on a configuration's age, each.
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.set_verbosity(level)
            log.enable_progress_bar()
