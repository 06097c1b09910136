"""Texts of others in each format: nothing in them is the format's own."""

from __future__ import annotations

import pytest

from bdia_edm.report.escaping import csv_cell, latex, markdown, plot_text


def test_markdown() -> None:
    assert markdown("a|b *c* `d` <e> $f$ [g](h)") == r"a\|b \*c\* \`d\` \<e\> \$f\$ \[g\](h)"
    # Between letters it is a letter; at an end it would begin a stress.
    assert markdown("fd_digits _a_") == r"fd_digits \_a\_"
    assert "\n" not in markdown("two\nlines")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@cmd", "  =1"])
def test_no_formula_in_a_spreadsheet(text: str) -> None:
    assert csv_cell(text) == f"'{text}"
    assert csv_cell(f"a{text}") == f"a{text}"


def test_numbers_stay_numbers() -> None:
    assert csv_cell(-1.5) == -1.5
    assert csv_cell(None) is None


def test_latex() -> None:
    assert latex("50 % & #1 of a_b ± 2") == r"50 \% \& \#1 of a\_b $\pm$ 2"
    assert latex("\\input{x}") == r"\textbackslash{}input\{x\}"


def test_pictures() -> None:
    assert plot_text("$x$") == r"\$x\$"
    assert plot_text("_hidden") == " _hidden"
    assert len(plot_text("a" * 1000)) == 200
