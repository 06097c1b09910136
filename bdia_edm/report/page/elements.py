"""HTML from parts: every text is escaped, unless it is HTML that was made here.

A record may come from anywhere, so nothing but ``element`` and ``joined`` makes HTML of a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bdia_edm.report.escaping import html_text

__all__ = ["Html", "element", "joined", "listed"]

_VOID = ("img", "meta", "input", "link", "br")


class Html(str):
    """A text that is HTML already."""

    __slots__ = ()


def joined(*children: str | Iterable[str]) -> Html:
    """The children one after the other: what is not ``Html`` is escaped."""
    parts = []
    for child in children:
        for each in [child] if isinstance(child, str) else child:
            parts.append(each if isinstance(each, Html) else html_text(each))
    return Html("".join(parts))


def element(name: str, *children: str | Iterable[str], **attributes: str | bool) -> Html:
    """An element with its children; an attribute that is True has no value, one that is False is left out.

    A name of Python's has an underscore at its end (``class_``), and an underscore in it is HTML's hyphen.
    """
    told = "".join(
        f" {key}" if value is True else f' {key}="{html_text(value)}"'
        for key, value in ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
        if value is not False
    )
    return Html(f"<{name}{told}>" if name in _VOID else f"<{name}{told}>{joined(*children)}</{name}>")


def listed(lines: Sequence[str]) -> Html:
    """Lines for below a table; nothing where there are none."""
    return element("ul", *(element("li", line) for line in lines), class_="notes") if lines else Html()
