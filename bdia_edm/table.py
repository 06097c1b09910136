"""python -m bdia_edm.table RESULTS_DIR: table and plot of whatever records there are."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bdia_edm.base.errors import UserError, one_line_errors
from bdia_edm.base.lines import to_stderr, to_stdout
from bdia_edm.base.usage import Command
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.yaml_files import load_yaml
from bdia_edm.records.record import read_records
from bdia_edm.report.comparison import write_comparison
from bdia_edm.report.layout import Layout, read_layout
from bdia_edm.report.page.page import write_page
from bdia_edm.report.rows import group_records
from bdia_edm.report.selection import read_selections

__all__ = ["main"]


@click.command(cls=Command)
@click.argument("results_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--dest", type=click.Path(file_okay=False, path_type=Path), help="where to write; RESULTS_DIR if not given"
)
@click.option(
    "--config-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="a folder with a table.yaml that says which columns and figures are shown; ours, in conf/, if not given",
)
@click.option(
    "--html", "page", type=click.Path(path_type=Path), help="a page to write too, in one file that ends in .html"
)
@click.option("--plots/--no-plots", default=True, help="whether plots are drawn, which takes some seconds; they are")
def main(results_dir: Path, dest: Path | None, config_dir: Path | None, page: Path | None, plots: bool) -> None:
    """Writes table.md, .csv, .tex, .png, .svg and .pdf from the records in RESULTS_DIR and below; prints the table.

    With --html also a page of them: the verdict in words, the tables, plots, pictures and commands, in one file that
    opens from disk.

    A damaged record is named, and the table is made of the others; the exit status is then 1.
    """
    with one_line_errors():
        if page is not None:
            _check_page(page)
            if not plots:
                raise UserError("--no-plots: the page of --html shows the plots; leave one of the two out")
        layout = _layout(config_dir)
        records, folders, damaged = read_records(results_dir)
        if not records and not damaged:
            raise UserError(f"{results_dir}: no record.json in it or below; bdia_edm.sample writes them")
        for line in damaged:
            to_stderr(f"error: {line}")
        if not records:
            sys.exit(2)
        # The folder may be moved, and the table with it.
        left_out = [line.removeprefix(f"{results_dir}/") for line in damaged]
        chosen = read_selections(results_dir)
        place = dest or results_dir
        text, drawn = write_comparison(records, place, "table", left_out, None, folders, layout, chosen, plots=plots)
        if page is not None:
            groups = group_records(records, folders, chosen)
            write_page(page, groups, left_out, drawn, layout)
        to_stdout(text)
    if damaged:
        sys.exit(1)


def _check_page(page: Path) -> None:
    """Before anything is written."""
    if page.suffix != ".html":
        raise UserError(f"--html: {page}: the page's name must end in .html")
    if not page.parent.is_dir():
        raise UserError(f"--html: {page.parent}: no such folder; the page must lie in one that exists")
    if page.is_dir():
        raise UserError(f"--html: {page}: is a folder; a page is one file")


def _layout(config_dir: Path | None) -> Layout:
    """The columns that the user's table.yaml says, or ours."""
    path = (config_dir or conf_folder()) / "table.yaml"
    return read_layout(load_yaml(path), str(path))


if __name__ == "__main__":
    main()
