"""Names and texts of records where a format would read them as its own: one function for each format.

A record may come from anywhere. Whoever writes a format passes every cell through its function here.
"""

from __future__ import annotations

import html
import re

from bdia_edm.base.lines import harmless

__all__ = ["csv_cell", "html_text", "latex", "markdown", "plot_text"]

_LONGEST = 200
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    **{each: f"\\{each}" for each in "&%$#_{}"},
}


def markdown(text: str) -> str:
    """In a table's cell or a heading. An underscore within a word is none of Markdown's."""
    return re.sub(r"[\\`*\[\]<>|~$&]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", _one_line(text))


def csv_cell(value: object) -> object:
    """A number as it is; a text so that no spreadsheet takes it for a formula."""
    if not isinstance(value, str):
        return value
    text = _one_line(value)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def latex(text: str) -> str:
    """In LaTeX's text."""
    return "".join(_LATEX.get(each, each) for each in _one_line(text))


def html_text(text: str) -> str:
    """In an HTML element that is no script or style, or in an attribute's quotes; line breaks stay.

    Characters that are not shown, or turn the direction of the text, are told as what they are.
    """
    return html.escape(harmless(text))


def plot_text(text: str) -> str:
    """In a picture, where dollars are mathematics and a label that begins with an underscore is not shown."""
    text = _one_line(text)
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return (f" {text}" if text.startswith("_") else text).replace("$", r"\$")


def _one_line(text: str) -> str:
    return harmless(text).replace("\n", r"\n")
