"""The table of one set of images under several protocols, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bdia_edm.report.escaping import markdown

__all__ = ["protocol_table"]

_NONE = "–"
Row = Mapping[str, Any]


def protocol_table(rows: Sequence[Row], compared_with: str) -> str:
    """A table of the rows, and a line for each figure that is missing or has a reservation.

    Args:
        rows: as ``compare_protocols`` gives them.
        compared_with: the protocol that differences are from.
    """
    columns: list[tuple[str, bool, Callable[[Row], str]]] = [
        ("protocol", True, lambda row: row["title"]),
        ("resize to 299", True, lambda row: row["resize"]),
        ("range", True, lambda row: row["range"]),
        ("images", False, lambda row: str(row["num_images"])),
        ("data", False, lambda row: "file" if row["num_data"] is None else str(row["num_data"])),
        ("FID", False, lambda row: _figure(row["fid"])),
        (f"less {compared_with}'s", False, lambda row: _figure(row["difference"], "+")),
        ("features' change", False, lambda row: _percent(row["feature_change"])),
        ("sFID", False, lambda row: _figure(row["sfid"])),
        ("IS", False, lambda row: _figure(row["inception_score"])),
        ("in tables of", True, lambda row: row["used_by"]),
    ]
    lines = [
        [markdown(name) for name, _, _ in columns],
        ["---" if is_text else "---:" for _, is_text, _ in columns],
        *([markdown(cell(row)) for _, _, cell in columns] for row in rows),
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([table, *_notes(rows)]) + "\n"


def _notes(rows: Sequence[Row]) -> list[str]:
    notes = [f"{row['title']}: no figure: {row['missing']}" for row in rows if row["missing"]]
    notes += [
        f"{row['title']}: {row['num_images']} images are fewer than its rule has ({row['rule']})"
        for row in rows
        if row["fid"] is not None and not row["keeps_rule"]
    ]
    if any(row["to_uint8"] == "rounded" for row in rows):
        notes.append("The images are floats, rounded to uint8 as EDM does where a row says nothing else")
    # Several rows of one protocol have one reason.
    return [markdown(f"{note}.") for note in dict.fromkeys(notes)]


def _figure(value: float | None, sign: str = "") -> str:
    if value is None:
        return _NONE
    return f"{value:{sign}.1e}" if 0 < abs(value) < 5e-5 else f"{value:{sign}.4f}"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.3g} %"
