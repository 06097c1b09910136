"""Lines are told apart: by eye, in grey, and by the colour-blind."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.colors import to_rgb

from bdia_edm.report.line_styles import BASELINE, COLOURS, style_of


def luminance(colour: str) -> float:
    """Of sRGB, 0 to 1 (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_no_two_lines_share_marker_and_dashes() -> None:
    styles = [style_of(number) for number in range(60)]
    assert len({(style["marker"], str(style["linestyle"])) for style in styles}) == 60
    for one, other in pairwise(styles):
        assert all(one[key] != other[key] for key in ("color", "marker", "linestyle"))


def test_every_colour_is_seen_on_white_in_grey_too() -> None:
    assert all(luminance(colour) < 0.5 for colour in COLOURS)
    assert len(set(COLOURS)) == len(COLOURS) >= 6
    # The baseline's is none of the others', and darker than they are.
    assert luminance(BASELINE) < min(map(luminance, COLOURS)) / 2
    assert style_of(3, is_baseline=True)["color"] == BASELINE not in COLOURS
