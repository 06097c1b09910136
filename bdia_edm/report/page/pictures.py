"""The first images of runs as small PNGs within the page, and which runs follow each other along an option.

A run's images are one picture, so that two runs of the same seeds can be laid over each other. Small ones stay as they
are; the page enlarges them.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.images.grids import PNG_CHANNELS, make_grid
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.wording import in_words
from bdia_edm.report.comparison import preview_of
from bdia_edm.report.group import title_of
from bdia_edm.report.rows import Group, Row

__all__ = ["Picture", "Pictures", "Stop", "Track", "pictures_of", "tracks_of"]

_COLUMNS = 4
_MOST_IMAGES = 16
_FEWEST_IMAGES = 4
_PIXELS = 1 << 15
"""Of a run, all images together, where that leaves the fewest."""
_BYTES = 3_000_000
_LARGEST_PREVIEW = 1 << 28
"""Bytes of all PNGs of a page; and of a preview's arrays, of which a page shows a few images."""

Pixels = NDArray[np.uint8]


class Picture(NamedTuple):
    """A run's first images in a grid.

    Attributes:
        url: the PNG as a data URL.
        width, height: in pixels.
        num_images: that are in it.
    """

    url: str
    width: int
    height: int
    num_images: int


class Pictures(NamedTuple):
    """Of a group.

    Attributes:
        of_rows: by the row's index in the group.
        originals: what was edited, of all rows the same; None where the images were made of noise.
        left_out: lines on the rows that have none.
    """

    of_rows: dict[int, Picture]
    originals: Picture | None
    left_out: list[str]


class Stop(NamedTuple):
    """A place of the slider.

    Attributes:
        value: of what the slider changes.
        left: index of the baseline's row; -1 where the originals stand there.
        right: index of the row.
    """

    value: str
    left: int
    right: int


class Track(NamedTuple):
    """Rows that differ in one thing alone.

    Attributes:
        name: what they share.
        along: what differs: a column, or 'steps'.
    """

    name: str
    along: str
    stops: tuple[Stop, ...]


def pictures_of(groups: Sequence[Group]) -> list[Pictures]:
    """The pictures of each group's rows, of the first block of seeds: as many as there is room for."""
    room = _BYTES
    found = []
    for group in groups:
        pictures, originals, reasons, crowded = {}, None, [], 0
        for index, row in enumerate(group.rows):
            if room <= 0:
                crowded += 1
                continue
            try:
                images, sources = _first_images(row)
            except UserError as reason:
                reasons.append(str(reason))
                continue
            pictures[index] = _picture(images)
            room -= len(pictures[index].url)
            if originals is None and len(sources):
                originals = _picture(sources)
                room -= len(originals.url)
        left_out = _in_lines(reasons)
        if crowded:
            left_out.append(f"Of {crowded} more rows there are no pictures: the page has no room for them.")
        found.append(Pictures(pictures, originals, left_out))
    return found


def _in_lines(reasons: Sequence[str]) -> list[str]:
    if not reasons:
        return []
    runs = "run has" if len(reasons) == 1 else "runs have"
    return [f"{len(reasons)} {runs} no picture here: {reasons[0]}{'; …' if len(reasons) > 1 else ''}."]


def _first_images(row: Row) -> tuple[Pixels, Pixels]:
    folder = row.runs[0].folder if row.runs else None
    if folder is None:
        raise UserError("the record lies in no folder that is known")
    path = RunFolder(folder).preview
    if not path.exists():
        raise UserError(f"no {path.name} beside the record")
    try:
        # What is read whole must not be larger than what a run writes.
        with zipfile.ZipFile(path) as packed:
            if sum(each.file_size for each in packed.infolist()) > _LARGEST_PREVIEW:
                raise UserError(f"{path.name} beside the record is too large")
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path.name} beside the record is not readable ({one_line(error)})") from error
    try:
        found = preview_of(folder)
    except UserError as error:
        # The folder's own name is for who wrote the page, not for who reads it.
        raise UserError(one_line(error).replace(f"{folder}/", "").partition(";")[0]) from error
    for images in found:
        if images.dtype != np.uint8 or images.ndim != 4 or (len(images) and 0 in images.shape):
            raise UserError(f"{path.name} beside the record holds no images")
    if not len(found[0]):
        raise UserError(f"{path.name} beside the record holds no images")
    return found


def _picture(images: Pixels) -> Picture:
    if images.shape[3] not in PNG_CHANNELS:
        images = images[..., :1]
    height, width = images.shape[1:3]
    shown = images[: min(_MOST_IMAGES, max(_FEWEST_IMAGES, _PIXELS // (height * width)))]
    grid = make_grid(shown, min(_COLUMNS, len(shown)), max(width // 16, 1))
    file = io.BytesIO()
    Image.fromarray(grid if grid.shape[2] == 3 else grid[:, :, 0]).save(file, format="png", optimize=True)
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return Picture(url, grid.shape[1], grid.shape[0], len(shown))


def tracks_of(group: Group, pictures: Pictures) -> list[Track]:
    """Every way along a column of numbers, or along the steps, of rows that have a picture.

    Those of the family with the most rows come first, and of each family the longest. A row that has no other beside it
    on any way is one of its own. At the left of each stands what was edited; else the baseline of its NFE, or of the
    nearest; without a baseline the group's first row; nothing beside itself where there is another.
    """
    shown = {index: group.rows[index] for index in pictures.of_rows}
    baselines = {index: row for index, row in shown.items() if row.is_baseline}
    rows = {index: row for index, row in shown.items() if not row.is_baseline} or shown
    numeric = [name for name in group.columns if any(_is_number(row.columns.get(name)) for row in rows.values())]
    ways: list[Track] = []
    for along in [*numeric, "steps"]:
        members: dict[str, dict[float, int]] = {}
        for index, row in rows.items():
            value = row.steps if along == "steps" else row.columns.get(along)
            if isinstance(value, int | float):
                members.setdefault(_without(row, along), {}).setdefault(value, index)
        for name, found in members.items():
            stops = sorted(found.items())
            beside = [_beside(index, shown, baselines, pictures) for _, index in stops]
            told = [Stop(f"{value:g}", left, index) for (value, index), left in zip(stops, beside, strict=True)]
            ways.append(Track(name, along, tuple(told)))
    longer = [way for way in ways if len(way.stops) > 1]
    seen = {stop.right for way in longer for stop in way.stops}
    alone = {way.stops[0].right: way for way in ways if way.stops[0].right not in seen}
    sizes = Counter(title_of(row) for row in rows.values())
    leading = sizes.most_common(1)[0][0] if sizes else ""

    def place(way: Track) -> tuple[bool, int]:
        return title_of(rows[way.stops[0].right]) != leading, -len(way.stops)

    return sorted([*longer, *alone.values()], key=place)


def _without(row: Row, along: str) -> str:
    """The row's options but one, in words."""
    # What other seeds chose at each number of steps is one way along them.
    chosen = row.chosen.option if row.chosen is not None and along == "steps" else ""
    columns = {name: value for name, value in row.columns.items() if name not in (along, chosen) and value is not None}
    steps = "" if along == "steps" else f"{row.steps} steps"
    how = f"{chosen} chosen" if chosen in row.columns else ""
    return ", ".join(part for part in [row.sampler, in_words(columns), how, steps] if part)


def _beside(index: int, shown: dict[int, Row], baselines: dict[int, Row], pictures: Pictures) -> int:
    if pictures.originals is not None:
        return -1
    others = [each for each in shown if each != index] or [index]
    held = [each for each in baselines if each != index]
    if not held:
        return others[0]
    row = shown[index]
    return min(held, key=lambda each: (abs(baselines[each].nfe - row.nfe), abs(baselines[each].steps - row.steps)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
