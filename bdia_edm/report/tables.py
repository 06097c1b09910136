"""Records as rows, and rows as Markdown and CSV.

No sampler and no metric is known here by name: a record says how its sampler is called, which of its options deserve
columns, and whether it is the baseline that the others are compared with.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bdia_edm.records.record import Record

__all__ = ["Group", "Row", "group_records", "in_words", "to_csv", "to_markdown"]

Value = str | float


@dataclass(frozen=True)
class Row:
    """One record in a table.

    Attributes:
        sampler: its name, with what distinguishes it beside the columns.
        columns: its options that have columns of their own.
        metrics: every figure that was measured.
        differences: of every figure from the baseline's at the same NFE; without those that have none.
    """

    sampler: str
    columns: Mapping[str, Value]
    is_baseline: bool
    steps: int
    nfe: float
    metrics: Mapping[str, float]
    differences: Mapping[str, float]
    images_per_second: float
    command: str


@dataclass(frozen=True)
class Group:
    """Rows that may be compared: the same model, seeds, class, device, detector and reference.

    Attributes:
        columns: names of the samplers' own columns.
        metrics: names of the figures.
        baseline: title of the sampler that the others are compared with; '' where there is none.
        published: a line for each published figure that one of these can be held against, with its source.
    """

    model: str
    seeds: str
    num_images: int
    class_idx: int | None
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    baseline: str
    rows: tuple[Row, ...]
    published: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What the rows share, in words."""
        one_class = "" if self.class_idx is None else f", class {self.class_idx}"
        return f"{self.model}: {self.num_images:,} images (seeds {self.seeds}{one_class})"

    @property
    def title(self) -> str:
        """The subject and what was measured."""
        return f"{self.subject}, {', '.join(self.metrics) or 'nothing measured'}"


def in_words(columns: Mapping[str, Value]) -> str:
    """A sampler's columns in a text: 'euler, gamma 0.1'."""
    return ", ".join(value if isinstance(value, str) else f"{name} {value:g}" for name, value in columns.items())


def group_records(records: Sequence[Record]) -> list[Group]:
    """Records grouped; in each group the baseline first, then by the sampler's name, its columns and the steps."""
    groups: dict[tuple[object, ...], list[Record]] = {}
    for record in records:
        data = tuple(record["checksums"].get(name, "") for name in ("model", "detector", "reference"))
        key = (record["model"], record["seeds"], record["class_idx"], record["device"]["type"], data)
        groups.setdefault(key, []).append(record)
    return [_group(members) for members in groups.values()]


def _group(records: list[Record]) -> Group:
    first = records[0]
    columns = _union(record["labels"]["columns"] for record in records)
    metrics = _union(record["metrics"] for record in records)
    baselines = [record for record in records if record["labels"]["is_baseline"]]
    at_nfe = {record["nfe"]: record["metrics"] for record in baselines}
    rows = [_row(record, at_nfe) for record in records]
    rows.sort(key=lambda row: _place(row, columns))
    return Group(
        model=first["model"],
        seeds=first["seeds"],
        num_images=first["num_images"],
        class_idx=first["class_idx"],
        columns=columns,
        metrics=metrics,
        baseline=baselines[0]["labels"]["title"] if baselines else "",
        rows=tuple(rows),
        published=_published(first, metrics),
    )


def _union(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All names, in the order in which they come first."""
    return tuple(dict.fromkeys(name for some in names for name in some))


def _row(record: Record, at_nfe: Mapping[float, Mapping[str, float]]) -> Row:
    labels, metrics = record["labels"], record["metrics"]
    baseline = {} if labels["is_baseline"] else at_nfe.get(record["nfe"], {})
    return Row(
        sampler=labels["sampler"],
        columns=labels["columns"],
        is_baseline=labels["is_baseline"],
        steps=record["sampler"]["num_steps"],
        nfe=record["nfe"],
        metrics=metrics,
        differences={name: metrics[name] - baseline[name] for name in metrics if name in baseline},
        images_per_second=record["images_per_second"],
        command=record["command"],
    )


def _place(row: Row, columns: Sequence[str]) -> tuple[object, ...]:
    values = [row.columns.get(name) for name in columns]
    # Nothing before numbers before texts.
    sortable = tuple(
        (0, 0.0, "") if value is None else (2, 0.0, value) if isinstance(value, str) else (1, value, "")
        for value in values
    )
    return (not row.is_baseline, row.sampler, sortable, row.steps)


def _published(record: Record, metrics: Sequence[str]) -> tuple[str, ...]:
    """The model card's published figures of these metrics, under the metrics' names in it."""
    figures = record.get("config", {}).get("model", {}).get("published") or {}
    known = [name for name in metrics if name in figures]
    return tuple(
        f"Published{'' if len(metrics) == 1 else f' {name}'}: {figures[name]} "
        f"({figures['sampler']}; {figures['source']})."
        for name in known
    )


def to_markdown(groups: Sequence[Group]) -> str:
    """A heading and a table for each group."""
    parts = [part for group in groups for part in (f"### {group.title}", _table(group), *group.published)]
    return "\n\n".join(parts) + "\n"


def _table(group: Group) -> str:
    head = ["sampler", *group.columns, "steps", "NFE"]
    for metric in group.metrics:
        head.append(metric)
        if group.baseline:
            which = "" if len(group.metrics) == 1 else f"{metric} "
            head.append(f"{which}vs {group.baseline} at this NFE")
    head.append("images/s")
    # Numbers are aligned at their ends; a column of texts is one of words.
    texts = [name for name in group.columns if any(isinstance(row.columns.get(name), str) for row in group.rows)]
    rule = ["---" if name in ("sampler", *texts) else "---:" for name in head]
    lines = [head, rule]
    for row in group.rows:
        line = [row.sampler, *(_shown(row.columns.get(name)) for name in group.columns), str(row.steps), f"{row.nfe:g}"]
        for metric in group.metrics:
            line.append(f"{row.metrics[metric]:.3f}" if metric in row.metrics else "")
            if group.baseline:
                line.append(f"{row.differences[metric]:+.3f}" if metric in row.differences else "")
        speed = row.images_per_second
        lines.append([*line, f"{speed:.3g}" if speed < 100 else f"{speed:.0f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: Value | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:g}"


def to_csv(groups: Sequence[Group]) -> str:
    """All rows, with their group's properties, every metric and every figure in full."""
    columns, metrics = _union(group.columns for group in groups), _union(group.metrics for group in groups)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    measured = [name for metric in metrics for name in (metric, f"{metric}_difference")]
    head = ["model", "seeds", "num_images", "class_idx", "baseline", "sampler", *columns, "steps", "nfe", *measured]
    writer.writerow([*head, "images_per_second", "command"])
    for group in groups:
        for row in group.rows:
            figures = [of.get(metric) for metric in metrics for of in (row.metrics, row.differences)]
            own = [row.sampler, *(row.columns.get(name) for name in columns), row.steps, row.nfe, *figures]
            shared = [group.model, group.seeds, group.num_images, group.class_idx, group.baseline]
            writer.writerow([*shared, *own, row.images_per_second, row.command])
    return file.getvalue()
