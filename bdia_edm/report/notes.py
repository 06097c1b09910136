"""Lines below a table: published figures, how many images the data's are, and by which code rows were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bdia_edm.records.record import Record

__all__ = ["codes_of", "notes_on"]


def notes_on(record: Record, metrics: Sequence[str]) -> list[str]:
    """What holds for all records that are compared with this one."""
    return [*_published(record, metrics), *_kept(record)]


def _published(record: Record, metrics: Sequence[str]) -> list[str]:
    """The model card's published figures of these metrics, under the metrics' names in it."""
    model = record.get("config", {}).get("model")
    figures = model.get("published") if isinstance(model, dict) else None
    if not isinstance(figures, dict):
        return []
    told = "; ".join(str(figures[name]) for name in ("sampler", "source") if name in figures)
    return [
        f"Published{'' if len(metrics) == 1 else f' {name}'}: {figures[name]}{f' ({told})' if told else ''}."
        for name in metrics
        if name in figures
    ]


def _kept(record: Record) -> list[str]:
    """A line where figures depend on how many images of the data there were."""
    num = record.get("num_reference_features")
    return [] if num is None else [f"Figures that look at single images hold them against {num:,} of the data."]


def codes_of(records: Sequence[Record]) -> list[str]:
    """A line where the records do not all come from the same code."""
    found = Counter(_code(record) for record in records)
    if len(found) == 1:
        return []
    told = "; ".join(f"{count} of {code}" for code, count in found.items())
    return [f"These records were made by different code: {told}."]


def _code(record: Record) -> str:
    code = record.get("code", {})
    said = [f"{name} {code[name][:12]}" for name in ("source", "commit") if name in code]
    if "arithmetic" in record:
        said.append(f"arithmetic {record['arithmetic']}")
    return ", ".join(said) or "code that is not known"
