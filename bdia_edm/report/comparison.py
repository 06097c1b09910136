"""A comparison's files: the table in Markdown, CSV and LaTeX, the plot, the same seeds side by side."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.whole_files import write_text_whole
from bdia_edm.records.record import Record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.wording import in_words
from bdia_edm.report.column_plots import plot_columns
from bdia_edm.report.columns import of_layout
from bdia_edm.report.group import union
from bdia_edm.report.heat_maps import plot_heat_maps
from bdia_edm.report.layout import Layout
from bdia_edm.report.names import paper_name
from bdia_edm.report.pictures import write_side_by_side
from bdia_edm.report.plots import plot_metrics
from bdia_edm.report.rows import Published, group_records, with_published
from bdia_edm.report.selection import Selection
from bdia_edm.report.tables import to_csv, to_latex, to_markdown

__all__ = ["Written", "preview_of", "side_by_side", "write_comparison"]

_SHOWN = 24
_FIGURES = 2


class Written(NamedTuple):
    """What a comparison wrote.

    Attributes:
        text: the Markdown.
        plots: the plots' SVG files, in their order. Others beside them are of other studies.
    """

    text: str
    plots: list[Path]


def write_comparison(
    records: Sequence[Record],
    folder: Path,
    name: str,
    left_out: Sequence[str] = (),
    published: Published | None = None,
    folders: Sequence[Path] = (),
    layout: Layout | None = None,
    selections: Sequence[Selection] = (),
    plots: bool = True,
) -> Written:
    """Writes folder/name.md, .csv, .tex, .png, .svg and .pdf from the records.

    Where the rows are such, ``plot_columns`` and ``plot_heat_maps`` write name_COLUMN and name_heatmap beside it.

    Args:
        left_out: which records there are beside these, and why they are not shown.
        published: figures of others for some of them.
        folders: of each record its run's, where what intervals are computed from is kept; without them there are none.
        layout: the columns and figures of tables for people, and the figures of plots; all where there is none. The CSV
            has all.
        selections: how options of some of them were chosen.
        plots: whether they are drawn, which takes seconds.

    Raises:
        UserError: the layout names a figure that no record has.
    """
    layout = layout or Layout()
    layout.check_metrics(union(record["metrics"] for record in records))
    folder.mkdir(parents=True, exist_ok=True)
    groups = group_records(records, folders, selections)
    if published is not None:
        groups = with_published(groups, published)
    text = to_markdown(groups, left_out, layout)
    for suffix, content in ((".md", text), (".csv", to_csv(groups)), (".tex", to_latex(groups, layout))):
        write_text_whole(folder / f"{name}{suffix}", content)
    if not plots:
        return Written(text, [])
    shown = of_layout(groups, layout)
    names = [
        *plot_metrics(shown, folder, name),
        *plot_columns(shown, folder, name),
        *plot_heat_maps(shown, folder, f"{name}_heatmap"),
    ]
    return Written(text, [folder / each for each in names if each.endswith(".svg")])


def side_by_side(runs: Sequence[tuple[Path, Record]], path: Path) -> None:
    """The first seeds under the baseline and under the best other, for every number of steps that both have.

    The best is that of the least first metric (the most, where the record says that more is better), among those of the
    baseline's NFE where there are such; of several it is said that it is the best of so many on these seeds. Without a
    baseline, or without others, all runs are shown.

    Args:
        runs: folders of runs of the same model and seeds, and their records.
        path: the PNG to write.
    """
    others = [run for run in runs if not run[1]["labels"]["is_baseline"]]
    baselines = {_steps(run[1]): run for run in runs if run[1]["labels"]["is_baseline"]}
    chosen: list[tuple[Path, Record]] = []
    among: dict[Path, int] = {}
    for steps, baseline in sorted(baselines.items()):
        rivals = [run for run in others if _steps(run[1]) == steps]
        as_costly = [run for run in rivals if run[1]["nfe"] == baseline[1]["nfe"]]
        if rivals:
            best = min(as_costly or rivals, key=lambda run: _first_metric(run[1]))
            chosen += [baseline, best]
            among[best[0]] = len(as_costly or rivals)
    chosen = chosen or list(runs)
    previews = [(record, *preview_of(folder), among.get(folder, 1)) for folder, record in chosen]
    first, _, originals, _ = previews[0]
    # Of edits what they were made of comes first.
    rows = [("image", originals[:_SHOWN])] if len(originals) else []
    rows += [(_label(record, count), images[:_SHOWN]) for record, images, _, count in previews]
    one = "image" if len(originals) else "seed"
    write_side_by_side(path, rows, f"{first['model']}: a column is one {one} (of {first['seeds']}, from the first)")


def _steps(record: Record) -> int:
    return record["sampler"]["num_steps"]


def _first_metric(record: Record) -> float:
    """The first metric, so that less is better."""
    name, first = next(iter(record["metrics"].items()), ("", np.inf))
    if np.isnan(first):
        return np.inf
    return -first if name in record.get("higher_is_better", ()) else first


def preview_of(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The first images, and those that they were made of, where there are such."""
    path = RunFolder(folder).preview
    try:
        with np.load(path, allow_pickle=False) as file:
            images = np.asarray(file["arr_0"])
            return images, np.asarray(file["originals"]) if "originals" in file else images[:0]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = one_line(getattr(error, "strerror", None) or error)
        raise UserError(f"{path}: not readable ({reason}); remove {folder} to have it made again") from error


def _label(record: Record, among: int) -> str:
    """What it is, in lines; ``among`` is how many there were that it is the best of."""
    labels = record["labels"]
    # What is not its default tells one EDM from another.
    name = " ".join([labels["title"], *labels["sampler"].split(" ")[1:]])
    lines = [f"{name}, {_steps(record)} steps, NFE {record['nfe']:g}", in_words(labels["columns"])]
    # What there is no room for is in the table.
    lines += [f"{paper_name(metric)} {value:.3g}" for metric, value in [*record["metrics"].items()][:_FIGURES]]
    if among > 1:
        lines.append(f"best of {among} on these {'seeds' if record.get('task', 'sample') == 'sample' else 'images'}")
    return "\n".join(line for line in lines if line)
