"""python -m bdia_edm.table RESULTS_DIR: table and plot of whatever records there are."""

from __future__ import annotations

from pathlib import Path

import click

from bdia_edm.base.errors import UserError, one_line_errors
from bdia_edm.records.record import read_records
from bdia_edm.report.comparison import write_comparison

__all__ = ["main"]


@click.command()
@click.argument("results_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--dest", type=click.Path(file_okay=False, path_type=Path), help="where to write; RESULTS_DIR if not given"
)
def main(results_dir: Path, dest: Path | None) -> None:
    """Writes table.md, table.csv and table.png from the records in RESULTS_DIR and below; prints the table."""
    with one_line_errors():
        records = read_records(results_dir)
        if not records:
            raise UserError(f"{results_dir}: no record.json in it or below; bdia_edm.sample writes them")
        click.echo(write_comparison(records, dest or results_dir, "table"))


if __name__ == "__main__":
    main()
