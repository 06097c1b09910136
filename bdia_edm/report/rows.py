"""Records as rows, in groups of those that may be compared.

No sampler and no metric is known here by name: a record says how its sampler is called, which of its options deserve
columns, and whether it is the baseline that the others are compared with.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from bdia_edm.base.errors import UserError
from bdia_edm.records.record import Record
from bdia_edm.report.best import best_of_many, with_best
from bdia_edm.report.chosen_rows import with_choices
from bdia_edm.report.folding import folded
from bdia_edm.report.group import Chosen, Group, Row, Spread, Value, baselines_of, title_of, union
from bdia_edm.report.notes import codes_of, notes_on
from bdia_edm.report.published import Published, with_card, with_published
from bdia_edm.report.selection import Selection, has_chosen
from bdia_edm.report.series import at_subsets, family_of, series_of
from bdia_edm.report.standard_errors import standard_errors_of
from bdia_edm.report.verdict import Comparison, Run, comparisons_of, explained, joint_verdict

__all__ = ["Chosen", "Group", "Published", "Row", "Spread", "Value", "group_records", "union", "with_published"]


def group_records(
    records: Sequence[Record], folders: Sequence[Path] = (), selections: Sequence[Selection] = ()
) -> list[Group]:
    """Records grouped; in each group the baseline first, then by the sampler's name, its columns and the steps.

    Records of one series, of as many images each on seeds that do not overlap, are one row. Where another row has some
    of its blocks alone, there is a row of these too, so that both are compared on the same seeds. Runs that chose an
    option for others are in groups of their own, after all others: no block of what was chosen.

    Args:
        folders: of each record its run's, where what intervals are computed from is kept; without them there are none.
        selections: how options were chosen for some of them.
    """
    runs = [Run(*each) for each in zip(records, folders or repeat(None, len(records)), strict=True)]
    choosing = [run for run in runs if has_chosen(run, selections)] if selections else []
    reporting = [run for run in runs if not has_chosen(run, selections)] if choosing else runs
    groups = [_completed(with_choices(group, selections)) for group in _grouped(reporting)]
    return groups + [_completed(replace(group, is_choice=True)) for group in _grouped(choosing)]


def _grouped(runs: Sequence[Run]) -> list[Group]:
    families: dict[tuple[object, ...], list[list[Run]]] = {}
    for blocks in series_of(runs):
        families.setdefault(family_of(blocks[0].record), []).append(blocks)
    groups: dict[tuple[object, ...], list[list[Run]]] = {}
    for family, found in families.items():
        for row in at_subsets(found):
            groups.setdefault((family, tuple(run.record["seeds"] for run in row)), []).append(row)
    return [_group(rows) for rows in groups.values()]


def _completed(group: Group) -> Group:
    """With what is said of the rows as a whole."""
    if group.is_choice:
        said = "These seeds chose an option's value and report nothing."
        return replace(group, notes=(*group.notes, said))
    group = replace(group, rows=tuple(with_best(group.rows)))
    return with_card(replace(group, notes=(*group.notes, *best_of_many(group))))


def _group(members: list[list[Run]]) -> Group:
    records = [run.record for blocks in members for run in blocks]
    first = records[0]
    columns = union(record["labels"]["columns"] for record in records)
    metrics = union(record["metrics"] for record in records)
    encoders = _encoders(records, metrics)
    found = folded(sorted(map(_row, members), key=lambda row: _place(row, columns)))
    baselines = [row for row in found if row.is_baseline]
    title = title_of(baselines[0]) if baselines else ""
    held = {metric: baselines_of(found, title, metric) for metric in metrics}
    rows: list[Row] = []
    damages: dict[str, None] = {}
    for row in found:
        if not row.is_baseline:
            against = {metric: at_nfe[row.nfe] for metric, at_nfe in held.items() if row.nfe in at_nfe}
            comparisons: dict[str, Comparison] = {}
            for baseline in _each_once(against.values()):
                try:
                    both = comparisons_of(row.runs, baseline.runs)
                except UserError as damage:
                    damages[str(damage)] = None
                    continue
                comparisons |= {name: each for name, each in both.items() if against.get(name) is baseline}
            row = replace(
                row,
                differences=_differences(row, against),
                comparisons={name: comparisons[name] for name in row.metrics if name in comparisons},
                verdict=joint_verdict(
                    {name: comparisons[each].verdict for name, each in encoders.items() if each in comparisons}
                ),
            )
        rows.append(row)
    return Group(
        model=first["model"],
        seeds=tuple(run.record["seeds"] for run in members[0]),
        num_images=first["num_images"],
        class_idx=first["class_idx"],
        columns=columns,
        metrics=metrics,
        baseline=title,
        rows=tuple(rows),
        notes=(
            *notes_on(first, metrics),
            *explained(row.comparisons for row in rows),
            *_without_interval(rows),
            *_several_baselines(baselines, held, title),
            *dict.fromkeys(damages),
            *codes_of(records),
        ),
        task=first.get("task", "sample"),
        encoders=encoders,
        conditions=first.get("conditions", {}),
    )


def _encoders(records: Sequence[Record], metrics: Sequence[str]) -> dict[str, str]:
    """Of every detector its distance, under its name; where no record says it, every figure under its own.

    Beside distances other figures are no encoders: one may be of a distance too, or of no picture at all.
    """
    said = {name: figure for record in records for name, figure in record.get("distances", {}).items()}
    return said or {figure: figure for figure in metrics}


def _each_once(rows: Iterable[Row]) -> list[Row]:
    return list({id(row): row for row in rows}.values())


def _several_baselines(baselines: Sequence[Row], held: Mapping[str, Mapping[float, Row]], title: str) -> list[str]:
    """A line where differences are of one of several baselines of the same cost."""
    costs = {row.nfe for row in baselines for metric in row.metrics if held[metric].get(row.nfe) is not row}
    if not costs:
        return []
    told = ", ".join(f"{nfe:g}" for nfe in sorted(costs))
    return [f"Of several baselines (NFE {told}) differences are from the first {title} of the NFE that has the figure."]


def _without_interval(rows: Sequence[Row]) -> list[str]:
    """A line where some differences have no interval beside others that have one."""
    judged = union(row.comparisons for row in rows)
    lacking = sum(any(name in row.differences and name not in row.comparisons for name in judged) for row in rows)
    if not lacking:
        return []
    return [
        f"{lacking} of the differences have no interval: that run or the baseline's keeps none (uncertainty.npz), as "
        "of earlier versions or beside another record; without its folder it is made again."
    ]


def _row(runs: Sequence[Run]) -> Row:
    blocks = [run.record for run in runs]
    first, labels = blocks[0], blocks[0]["labels"]
    # A figure that not every block has is none of the row's.
    figures = {
        name: [block["metrics"][name] for block in blocks]
        for name in first["metrics"]
        if all(name in block["metrics"] for block in blocks)
    }
    codes = {block.get("code", {}).get("source", "")[:12] for block in blocks}
    return Row(
        sampler=labels["sampler"],
        columns=labels["columns"],
        is_baseline=labels["is_baseline"],
        steps=first["sampler"]["num_steps"],
        nfe=_mean([block["nfe"] for block in blocks]),
        metrics={name: _mean(values) for name, values in figures.items()},
        spreads={name: _spread(values) for name, values in figures.items() if len(values) > 1},
        differences={},
        images_per_second=_mean([block["images_per_second"] for block in blocks]),
        command=first["command"],
        standard_errors=standard_errors_of(blocks),
        code=codes.pop() if len(codes) == 1 else "",
        runs=tuple(runs),
    )


def _mean(values: Sequence[float]) -> float:
    return values[0] if len(set(values)) == 1 else sum(values) / len(values)


def _spread(values: Sequence[float]) -> Spread:
    finite = all(map(math.isfinite, values))
    return Spread(min(values), statistics.stdev(values) if finite else math.nan)


def _differences(ours: Row, baselines: Mapping[str, Row]) -> dict[str, float]:
    """From the baseline of each figure."""
    found = {name: value - baselines[name].metrics[name] for name, value in ours.metrics.items() if name in baselines}
    # Of infinities there is none.
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _place(row: Row, columns: Sequence[str]) -> tuple[object, ...]:
    values = [row.columns.get(name) for name in columns]
    # Nothing before numbers before texts.
    sortable = tuple(
        (0, 0.0, "") if value is None else (2, 0.0, value) if isinstance(value, str) else (1, value, "")
        for value in values
    )
    return (not row.is_baseline, row.sampler, sortable, row.steps)
