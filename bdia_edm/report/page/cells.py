"""The cells of the tables, as Markdown has them, for the page."""

from __future__ import annotations

from bdia_edm.report.rows import Group
from bdia_edm.report.tables import _cells

__all__ = ["cells_of"]


def cells_of(group: Group) -> tuple[list[tuple[str, bool]], list[list[str]]]:
    """The head, with whether a column is one of texts, and the rows, all unescaped."""
    return _cells(group, str)
