"""Records as rows, and rows as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from bdia_edm.records.record import Record

__all__ = ["Group", "Row", "group_records", "to_csv", "to_markdown"]


@dataclass(frozen=True)
class Row:
    """One record in a table.

    Attributes:
        sampler: its name, with what distinguishes it beside backward and gamma.
        backward, gamma: BDIA's; empty and None for the others.
        distance: to the reference statistics, None where none was measured.
        difference: the distance less EDM's at the same NFE, None where there is no such EDM record.
    """

    sampler: str
    backward: str
    gamma: float | None
    steps: int
    nfe: float
    distance: float | None
    difference: float | None
    images_per_second: float
    command: str


@dataclass(frozen=True)
class Group:
    """Rows that may be compared: the same model, seeds, class and detector.

    Attributes:
        metric: name of the distance.
        published: the published figure that such a distance can be held against, with its source; '' where there is
            none.
    """

    model: str
    seeds: str
    num_images: int
    class_idx: int | None
    metric: str
    rows: tuple[Row, ...]
    published: str = ""

    @property
    def title(self) -> str:
        """What the rows share, in words."""
        one_class = "" if self.class_idx is None else f", class {self.class_idx}"
        return f"{self.model}: {self.num_images:,} images (seeds {self.seeds}{one_class}), {self.metric}"


def group_records(records: Sequence[Record]) -> list[Group]:
    """Records grouped, and in each group sorted by sampler, backward, gamma and steps."""
    groups: dict[tuple[object, ...], list[Record]] = {}
    for record in records:
        data = tuple(record["checksums"].get(name, "") for name in ("model", "detector", "reference"))
        key = (record["model"], record["seeds"], record["class_idx"], record["device"]["type"], data)
        groups.setdefault(key, []).append(record)
    return [_group(members) for members in groups.values()]


def _group(records: list[Record]) -> Group:
    first = records[0]
    metric = next(iter(first["metrics"]), "no distance")
    baseline = {
        record["nfe"]: record["metrics"].get(metric)
        for record in records
        if record["sampler"]["name"] == "edm" and _variant(record) == "edm"
    }
    rows = [_row(record, metric, baseline) for record in records]
    rows.sort(key=lambda row: (_ORDER.get(row.sampler, 9), row.sampler, row.backward, row.gamma or 0, row.steps))
    shared = (first["model"], first["seeds"], first["num_images"], first["class_idx"], metric)
    return Group(*shared, tuple(rows), _published(first, metric))


def _published(record: Record, metric: str) -> str:
    figure = record["config"].get("model", {}).get("published")
    if not figure or metric != "fid":
        return ""
    return f"Published: {figure['fid']} ({figure['sampler']}; {figure['source']})."


_ORDER = {"edm": 0, "euler": 1, "bdia": 2}
_DEFAULTS = {
    "sigma_min": None,
    "sigma_max": None,
    "rho": 7.0,
    "S_churn": 0.0,
    "S_min": 0.0,
    "S_max": "inf",
    "S_noise": 1.0,
    "integrator": "heun",
    "solver": "heun",
    "discretization": "edm",
    "schedule": "linear",
    "scaling": "none",
}


def _variant(record: Record) -> str:
    """The sampler's name and every option that is not its default."""
    options = record["sampler"]
    churned = options.get("S_churn", 0) > 0
    extra = [
        f"{name}={options[name]}"
        for name, default in _DEFAULTS.items()
        # Without churn its range and noise do nothing.
        if name in options and str(options[name]) != str(default) and (churned or not name.startswith("S_"))
    ]
    return " ".join([options["name"], *extra])


def _row(record: Record, metric: str, baseline: dict[float, float | None]) -> Row:
    options = record["sampler"]
    distance = record["metrics"].get(metric)
    edm = baseline.get(record["nfe"])
    return Row(
        sampler=_variant(record),
        backward=options.get("backward", ""),
        gamma=options.get("gamma"),
        steps=options["num_steps"],
        nfe=record["nfe"],
        distance=distance,
        difference=None if distance is None or edm is None or options["name"] == "edm" else distance - edm,
        images_per_second=record["images_per_second"],
        command=record["command"],
    )


def to_markdown(groups: Sequence[Group]) -> str:
    """A heading and a table for each group."""
    parts = [(f"### {group.title}", _table(group), group.published) for group in groups]
    return "\n\n".join(part for three in parts for part in three if part) + "\n"


def _table(group: Group) -> str:
    head = ("sampler", "backward", "gamma", "steps", "NFE", group.metric, "vs EDM at this NFE", "images/s")
    lines = [head, ("---", "---") + ("---:",) * 6]
    for row in group.rows:
        gamma = "" if row.gamma is None else f"{row.gamma:g}"
        distance = "" if row.distance is None else f"{row.distance:.3f}"
        difference = "" if row.difference is None else f"{row.difference:+.3f}"
        speed = f"{row.images_per_second:.3g}" if row.images_per_second < 100 else f"{row.images_per_second:.0f}"
        lines.append((row.sampler, row.backward, gamma, str(row.steps), f"{row.nfe:g}", distance, difference, speed))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def to_csv(groups: Sequence[Group]) -> str:
    """All rows, with their group's properties, every figure in full."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    shared = ("model", "seeds", "num_images", "class_idx", "metric")
    own = ("sampler", "backward", "gamma", "steps", "nfe", "distance", "difference", "images_per_second", "command")
    writer.writerow(shared + own)
    for group in groups:
        for row in group.rows:
            writer.writerow([getattr(group, name) for name in shared] + [getattr(row, name) for name in own])
    return file.getvalue()
