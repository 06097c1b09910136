"""The cells of the tables, as Markdown has them, for the page."""

from __future__ import annotations

from bdia_edm.report.columns import Cell, columns_of
from bdia_edm.report.layout import Layout
from bdia_edm.report.rows import Group

__all__ = ["cells_of"]


def cells_of(group: Group, layout: Layout) -> tuple[list[tuple[str, bool]], list[list[Cell]]]:
    """The head, with whether a column is one of texts, and the rows, all unescaped.

    Args:
        group: as ``of_layout`` has it.
    """
    columns = columns_of(group, str, layout)
    return [(column.name, column.is_text) for column in columns], [
        [column.cell(row) for column in columns] for row in group.rows
    ]
