"""The one way to the YAML of cards and experiments, ours and the user's: bounded, and wrong in one line.

Hydra reads every config file through its source for folders; ``checked_files`` puts a check in front of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own
from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from omegaconf.errors import OmegaConfBaseException

try:
    from omegaconf._utils import get_yaml_loader
except ImportError:  # from 2.4 on
    from omegaconf._yaml import get_yaml_loader  # type: ignore[import-not-found,no-redef]

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line

__all__ = ["checked_files", "load_yaml", "shown_path"]

_MOST_BYTES = 1_000_000
_MOST_VALUES = 20_000
_MOST_LEVELS = 50
_LONGEST_NUMBER = 400
# Whole numbers to YAML that are another text when they are written again: 2024_01_01, 007, 0x1f, 1:30.
_REWRITTEN = re.compile(r"[-+]?(?!(0|[1-9][0-9]*)$)(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|[1-9][0-9_]*(:[0-5]?[0-9])*)")
_CORE_TAG = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)|!")


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a file holds.

    Raises:
        UserError: it is no regular file of UTF-8 YAML that holds names and values, or is beyond the bounds.
    """
    text = _text(path)
    try:
        _check_events(path, text)
        # OmegaConf's, which refuses a name that stands there twice.
        values = yaml.load(text, Loader=get_yaml_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _wrong(path, getattr(error, "problem", None) or error, mark) from error
    except ValueError as error:
        raise _wrong(path, error) from error
    if values is not None and not isinstance(values, dict):
        raise _wrong(path, "must hold lines such as name: value")
    return values or {}


def shown_path(path: Path) -> str:
    """The path as a user of this folder would type it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _wrong(path: Path, problem: object, mark: yaml.Mark | None = None) -> UserError:
    where = "" if mark is None else f", line {mark.line + 1}"
    return UserError(one_line(f"{shown_path(path)}{where}: {problem}"))


def _text(path: Path) -> str:
    if not path.is_file():
        raise _wrong(path, "no regular file")
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise _wrong(path, f"over {_MOST_BYTES:,} bytes, which no card or experiment is")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _wrong(path, f"is not UTF-8 text (line {line} is of another encoding); save it as UTF-8") from error


def _check_events(path: Path, text: str) -> None:
    """Holds the text to the bounds before anything is built of it; aliases count as what they stand for."""
    sizes: dict[str, int] = {}  # by anchor
    levels: list[tuple[str | None, int]] = []  # of each: the anchor, and how many values came before it
    count = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = levels.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        if not isinstance(event, yaml.NodeEvent):
            continue
        tag = getattr(event, "tag", None)
        if tag is not None and not _CORE_TAG.fullmatch(tag):
            raise _wrong(path, f"the tag {tag}: cards hold plain values only", event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise _wrong(path, f"*{event.anchor}: stands for nothing that is complete before it", event.start_mark)
            count += sizes[event.anchor]
        else:
            count += 1
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                sizes[event.anchor] = 1
            if len(event.value) > _LONGEST_NUMBER and re.fullmatch(r"[-+\d._:]+", event.value):
                raise _wrong(path, f"a number of {len(event.value):,} characters", event.start_mark)
            if event.implicit[0] and _REWRITTEN.fullmatch(event.value):
                words = "is a number to YAML; write it in quotes where it is a text, else in digits alone"
                raise _wrong(path, f"{event.value}: {words}", event.start_mark)
        elif isinstance(event, yaml.CollectionStartEvent):
            levels.append((event.anchor, count - 1))
            if len(levels) > _MOST_LEVELS:
                raise _wrong(path, f"over {_MOST_LEVELS} levels of nesting", event.start_mark)
        if count > _MOST_VALUES:
            raise _wrong(path, f"over {_MOST_VALUES:,} values, with what its aliases stand for", event.start_mark)


class FileConfigSource(file_config_source.FileConfigSource):  # Hydra knows a scheme's source by the class's name
    """Hydra's source for folders, each of whose files is checked before it is read."""

    def load_config(self, config_path: str) -> ConfigResult:
        path = Path(self.path, self._normalize_file_name(config_path))
        if path.exists():
            load_yaml(path)
        try:
            return super().load_config(config_path)
        except OmegaConfBaseException as error:  # a name that is none, a reference that is not closed
            raise _wrong(path, next(iter(str(error).splitlines()), "not readable")) from error


@contextmanager
def checked_files() -> Iterator[None]:
    """Within, Hydra reads files of folders through ``load_yaml``; a program's own Hydra is as it was afterwards."""
    Plugins.instance()  # makes Hydra's own sources known
    types = SourcesRegistry.instance().types
    before = types["file"]
    types["file"] = FileConfigSource
    try:
        yield
    finally:
        types["file"] = before
