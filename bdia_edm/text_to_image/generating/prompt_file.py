"""Files of prompts: lines of text, a table, or COCO's captions.

Of COCO's captions (captions_val2014.json: 'annotations' with 'id', 'image_id' and 'caption') every image has its first,
by the annotations' id, and the images stand in the order of their ids, whatever the file's: one prompt an image, as
figures on COCO have it.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.option_names import named

__all__ = ["checksum_of", "read_prompts"]

_COLUMNS = ("prompt", "caption")
_MOST_BYTES = 1 << 30
_FORMS = "a .txt with one prompt a line, a .csv with a column prompt or caption, or a .json of COCO captions"


def read_prompts(file: str) -> list[str]:
    """The prompts, in their order; lines without any text are none.

    Raises:
        UserError: the file is missing or of another form; says the line, where it is one's.
    """
    path = Path(file).expanduser()
    given = f"{named('prompts')}={printable(file)}"
    if not path.is_file():
        raise UserError(f"{given}: {'a folder' if path.is_dir() else 'no such file'}; must be {_FORMS}")
    readers = {".txt": _lines, ".csv": _column, ".json": _captions}
    if path.suffix.lower() not in readers:
        raise UserError(f"{given}: must be {_FORMS}")
    if path.stat().st_size > _MOST_BYTES:
        raise UserError(f"{given}: {path.stat().st_size:,} bytes; must be {_MOST_BYTES:,} at most")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{given}: line {line}: no UTF-8; must be a text in UTF-8") from error
    found = readers[path.suffix.lower()](text, given)
    if not found:
        raise UserError(f"{given}: holds no prompt; must be {_FORMS}")
    return found


def checksum_of(prompts: list[str]) -> str:
    """SHA-256 of the prompts in their order, whatever file they stood in."""
    return hashlib.sha256(json.dumps(prompts).encode()).hexdigest()


def _lines(text: str, given: str) -> list[str]:
    # Not splitlines, which parts a line at signs that may stand in a prompt.
    lines = text.replace("\r\n", "\n").split("\n")
    return [_one_line(line) for line in lines if line.strip()]


def _column(text: str, given: str) -> list[str]:
    rows = csv.reader(text.splitlines(keepends=True), strict=True)
    found: list[str] = []
    try:
        head = [name.strip().lower() for name in next(rows, [])]
        names = [name for name in _COLUMNS if name in head]
        if not names:
            told = ", ".join(map(repr, head[:8]))
            raise UserError(f"{given}: line 1: no column {' or '.join(_COLUMNS)}; its columns are {told or 'none'}")
        at = head.index(names[0])
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            where = f"{given}: line {rows.line_num}"
            if len(row) <= at or not row[at].strip():
                raise UserError(f"{where}: no {names[0]}; every row must have one")
            found.append(_one_line(row[at]))
    except csv.Error as error:
        raise UserError(f"{given}: line {rows.line_num}: {one_line(error)}; must be a table in CSV") from error
    return found


def _captions(text: str, given: str) -> list[str]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{given}: line {error.lineno}: {error.msg}; must be JSON of COCO captions") from error
    except RecursionError as error:
        raise UserError(f"{given}: nested too deep; must be JSON of COCO captions") from error
    annotations = value.get("annotations") if isinstance(value, dict) else None
    if not isinstance(annotations, list):
        raise UserError(f"{given}: has no list 'annotations'; must be JSON of COCO captions")
    first: dict[int, tuple[int, str]] = {}
    for number, each in enumerate(annotations):
        where = f"{given}: annotation {number}"
        image, caption = _whole(each, "image_id", where), each.get("caption")
        if not isinstance(caption, str) or not caption.strip():
            raise UserError(f"{where}: its caption must be a text")
        # A file without ids has its captions in their order.
        found = (_whole(each, "id", where) if "id" in each else number, _one_line(caption))
        first[image] = min(first.get(image, found), found)
    return [first[image][1] for image in sorted(first)]


def _whole(annotation: Any, name: str, where: str) -> int:
    found = annotation.get(name) if isinstance(annotation, dict) else None
    if type(found) is not int:
        raise UserError(f"{where}: its {name} must be a whole number")
    return found


def _one_line(prompt: str) -> str:
    """The prompt with single blanks, as a tokenizer takes them anyway."""
    return " ".join(prompt.split())
