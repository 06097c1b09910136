"""Groups of rows as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence

from bdia_edm.report.escaping import csv_cell, latex, markdown
from bdia_edm.report.names import paper_name
from bdia_edm.report.rows import Group, Row, Value, union
from bdia_edm.report.verdict import Comparison

__all__ = ["to_csv", "to_latex", "to_markdown"]

_JUDGED = ("_low", "_high", "_relative_difference", "_method", "_verdict")
"""How the columns end that a comparison fills; the middle of its interval is the jackknife's corrected difference."""


def to_markdown(groups: Sequence[Group], left_out: Sequence[str] = ()) -> str:
    """A heading and a table for each group, then a line for each record that is in none.

    Args:
        left_out: which, and why.
    """
    parts: list[str] = []
    for group in groups:
        head, rows = _cells(group, str)
        rule = ["---" if is_text else "---:" for _, is_text in head]
        lines = [[markdown(name) for name, _ in head], rule, *([markdown(cell) for cell in row] for row in rows)]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts += [f"### {markdown(group.title)}", table, *map(markdown, group.notes)]
    parts += [f"Left out: {markdown(line)}" for line in left_out]
    return "\n\n".join(parts) + "\n"


def to_latex(groups: Sequence[Group]) -> str:
    """A table environment for each group, by the package booktabs; figures by the names that papers have for them."""
    parts = [r"% needs \usepackage{booktabs}"]
    for group in groups:
        head, rows = _cells(group, paper_name)
        lines = [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{latex(group.subject)}}}",
            f"  \\begin{{tabular}}{{{''.join('l' if is_text else 'r' for _, is_text in head)}}}",
            r"    \toprule",
            f"    {' & '.join(latex(name) for name, _ in head)} \\\\",
            r"    \midrule",
        ]
        for row in rows:
            # A hyphen is no minus.
            cells = [re.sub(r"^-(?=\d)", "$-$", latex(cell)) for cell in row]
            lines.append(f"    {' & '.join(cells)} \\\\")
        notes = [f"  % {latex(note)}" for note in group.notes]
        lines += [r"    \bottomrule", r"  \end{tabular}", *notes, r"\end{table}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cells(group: Group, metric_name: Callable[[str], str]) -> tuple[list[tuple[str, bool]], list[list[str]]]:
    """The head, with whether a column is one of texts, and the rows, all unescaped."""
    several = len(group.seeds) > 1
    # Numbers are aligned at their ends; a column of texts is one of words.
    texts = [name for name in group.columns if any(isinstance(row.columns.get(name), str) for row in group.rows)]
    head = [("sampler", True), *((name, name in texts) for name in group.columns), ("steps", False), ("NFE", False)]
    for metric in group.metrics:
        name = metric_name(metric)
        head += [(f"{name}{each}", False) for each in ([" mean", " min", " std"] if several else [""])]
        if group.baseline and metric in group.compared:
            which = "" if len(group.metrics) == 1 else f"{name} "
            head.append((f"{which}vs {group.baseline} at this NFE", False))
            head += [(f"{which}verdict", True)] if metric in _judged(group) else []
    if group.published_metric:
        name = metric_name(group.published_metric)
        head += [(f"published {name}", False), ("less published", False)]
    head.append(("images/s", False))
    return head, [_line(row, group, several) for row in group.rows]


def _line(row: Row, group: Group, several: bool) -> list[str]:
    line = [row.sampler, *(_shown(row.columns.get(name)) for name in group.columns), str(row.steps), f"{row.nfe:g}"]
    for metric in group.metrics:
        line.append(_figure(row.metrics.get(metric)))
        if several:
            line += [_figure(value) for value in row.spreads.get(metric, (None, None))]
        if group.baseline and metric in group.compared:
            comparison = row.comparisons.get(metric)
            line.append(_figure(row.differences.get(metric), "+") if comparison is None else _interval(comparison))
            if metric in _judged(group):
                line.append("" if comparison is None else comparison.verdict)
    if group.published_metric:
        line += [_figure(row.published), _figure(_beyond_published(row, group), "+")]
    speed = row.images_per_second
    return [*line, f"{speed:.3g}" if speed < 100 else f"{speed:.0f}"]


def _judged(group: Group) -> set[str]:
    """The figures that some row has a verdict on."""
    return {metric for row in group.rows for metric in row.comparisons}


def _interval(comparison: Comparison) -> str:
    return f"{_figure(comparison.difference, '+')} ± {_figure(comparison.half_width)}"


def _beyond_published(row: Row, group: Group) -> float | None:
    """The row's figure less the published one."""
    ours = row.metrics.get(group.published_metric)
    return None if ours is None or row.published is None else ours - row.published


def _figure(value: float | None, sign: str = "") -> str:
    if value is None:
        return ""
    if 0 < abs(value) < 5e-4:
        return f"{value:{sign}.1e}"
    return f"{value:{sign}.3f}" if abs(value) < 1e9 else f"{value:{sign}.4g}"


def _shown(value: Value) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str | bool) else f"{value:g}"


def to_csv(groups: Sequence[Group]) -> str:
    """All rows, with their group's properties, every metric and every figure in full."""
    columns, metrics = union(group.columns for group in groups), union(group.metrics for group in groups)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    measured = [f"{metric}{each}" for metric in metrics for each in ("", "_min", "_std", "_difference", *_JUDGED)]
    head = ["model", "seeds", "blocks", "num_images", "class_idx", "baseline", "sampler", *columns, "steps", "nfe"]
    end = ["published_metric", "published", "images_per_second", "code", "command"]
    writer.writerow(map(csv_cell, [*head, *measured, *end]))
    for group in groups:
        shared = [group.model, "; ".join(group.seeds), len(group.seeds), group.num_images, group.class_idx]
        for row in group.rows:
            own: list[object] = [group.baseline, row.sampler, *(row.columns.get(name) for name in columns)]
            own += [row.steps, row.nfe]
            for metric in metrics:
                spread = row.spreads.get(metric, (None, None))
                own += [row.metrics.get(metric), *spread, row.differences.get(metric)]
                comparison = row.comparisons.get(metric)
                own += [None] * len(_JUDGED) if comparison is None else [*_judgement(comparison)]
            own += [group.published_metric, row.published]
            writer.writerow(map(csv_cell, [*shared, *own, row.images_per_second, row.code, row.command]))
    return file.getvalue()


def _judgement(comparison: Comparison) -> tuple[float | str, ...]:
    return comparison.low, comparison.high, comparison.relative, comparison.method, comparison.verdict
