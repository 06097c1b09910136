"""Groups of rows as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from bdia_edm.report.columns import columns_of, of_layout
from bdia_edm.report.escaping import csv_cell, latex, markdown
from bdia_edm.report.group import Chosen, Group, union
from bdia_edm.report.layout import Layout
from bdia_edm.report.names import paper_name
from bdia_edm.report.verdict import Comparison

__all__ = ["to_csv", "to_latex", "to_markdown"]

_JUDGED = ("_low", "_high", "_relative_difference", "_method", "_verdict")
"""How the columns end that a comparison fills."""


def to_markdown(groups: Sequence[Group], left_out: Sequence[str] = (), layout: Layout | None = None) -> str:
    """A heading and a table for each group, then a line for each record that is in none.

    Args:
        left_out: which, and why.
        layout: the columns; all where there is none.
    """
    parts: list[str] = []
    layout = layout or Layout()
    for group in of_layout(groups, layout):
        columns = columns_of(group, str, layout)
        rule = ["---" if column.is_text else "---:" for column in columns]
        lines = [[markdown(column.name) for column in columns], rule]
        for row in group.rows:
            cells = [column.cell(row) for column in columns]
            lines.append([f"**{markdown(cell.text)}**" if cell.is_best else markdown(cell.text) for cell in cells])
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts += [f"### {markdown(group.title)}", table, *map(markdown, group.notes)]
    parts += [f"Left out: {markdown(line)}" for line in left_out]
    return "\n\n".join(parts) + "\n"


def to_latex(groups: Sequence[Group], layout: Layout | None = None) -> str:
    """A table environment for each group, by the package booktabs; figures by the names that papers have for them."""
    parts = [r"% needs \usepackage{booktabs}"]
    layout = layout or Layout()
    for group in of_layout(groups, layout):
        columns = columns_of(group, paper_name, layout)
        lines = [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{latex(group.subject)}}}",
            f"  \\begin{{tabular}}{{{''.join('l' if column.is_text else 'r' for column in columns)}}}",
            r"    \toprule",
            f"    {' & '.join(latex(column.name) for column in columns)} \\\\",
            r"    \midrule",
        ]
        for row in group.rows:
            cells = [_latex_cell(*column.cell(row)) for column in columns]
            lines.append(f"    {' & '.join(cells)} \\\\")
        notes = [f"  % {latex(note)}" for note in group.notes]
        lines += [r"    \bottomrule", r"  \end{tabular}", *notes, r"\end{table}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _latex_cell(text: str, is_best: bool) -> str:
    # A hyphen is no minus.
    escaped = re.sub(r"^-(?=\d)", "$-$", latex(text))
    return f"\\textbf{{{escaped}}}" if is_best else escaped


def to_csv(groups: Sequence[Group]) -> str:
    """All rows, with their group's properties, every metric and every figure in full.

    Of the figure NAME: NAME over all blocks, NAME_min and NAME_std over the blocks, NAME_difference from the baseline's
    at the same NFE as the tables for people show it (by the jackknife corrected), its interval from NAME_low to
    NAME_high, and NAME_relative_difference to the baseline's NAME.
    """
    columns, metrics = union(group.columns for group in groups), union(group.metrics for group in groups)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    measured = [f"{metric}{each}" for metric in metrics for each in ("", "_min", "_std", "_difference", *_JUDGED)]
    head = ["model", "seeds", "blocks", "num_images", "class_idx", "baseline", "sampler", *columns, "steps", "nfe"]
    end = ["verdict", "best", "published_metric", "published", "reproduced", "chosen", "chosen_among", "chosen_on"]
    end += ["chosen_by", "images_per_second", "code", "command"]
    writer.writerow(map(csv_cell, [*head, *measured, *end]))
    for group in groups:
        shared = [group.model, "; ".join(group.seeds), len(group.seeds), group.num_images, group.class_idx]
        for row in group.rows:
            own: list[object] = [group.baseline, row.sampler, *(row.columns.get(name) for name in columns)]
            own += [row.steps, row.nfe]
            for metric in metrics:
                spread = row.spreads.get(metric, (None, None))
                comparison = row.comparisons.get(metric)
                difference = row.differences.get(metric) if comparison is None else comparison.difference
                own += [row.metrics.get(metric), *spread, difference]
                own += [None] * len(_JUDGED) if comparison is None else [*_judgement(comparison)]
            own += [row.verdict, " ".join(row.best), group.published_metric, row.published, row.reproduced]
            own += _chosen(row.chosen)
            writer.writerow(map(csv_cell, [*shared, *own, row.images_per_second, row.code, row.command]))
    return file.getvalue()


def _judgement(comparison: Comparison) -> tuple[float | str, ...]:
    return comparison.low, comparison.high, comparison.relative, comparison.method, comparison.verdict


def _chosen(chosen: Chosen | None) -> list[object]:
    return [None] * 4 if chosen is None else [chosen.option, chosen.among, chosen.seeds, chosen.metric]
