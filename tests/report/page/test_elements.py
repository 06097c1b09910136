"""HTML that nothing can break out of."""

from __future__ import annotations

from bdia_edm.report.page.elements import Html, element, joined, listed


def test_texts_are_escaped_and_html_is_not() -> None:
    inner = element("b", "<i>", class_="x")
    assert inner == '<b class="x">&lt;i&gt;</b>'
    assert element("p", "a & ", inner, [" 'c'"]) == f"<p>a &amp; {inner} &#x27;c&#x27;</p>"
    assert joined("<", Html("<br>")) == "&lt;<br>"


def test_attributes() -> None:
    made = element("input", type="range", hidden=True, disabled=False, aria_label='"><script>', for_="a")
    assert made == '<input type="range" hidden aria-label="&quot;&gt;&lt;script&gt;" for="a">'


def test_what_turns_a_text_round_is_told() -> None:
    assert element("p", "a\u202eb\x00\nc\ud800") == "<p>a\\u202eb\\x00\nc\\ud800</p>"


def test_lines() -> None:
    assert listed([]) == ""
    assert listed(["<"]) == '<ul class="notes"><li>&lt;</li></ul>'
