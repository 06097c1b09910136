"""Panels below each other, and room for names beside them."""

from __future__ import annotations

import itertools

import pytest

from bdia_edm.report.figure_size import figure_of, legend_beside


@pytest.mark.parametrize("num", [1, 4])
def test_panels_from_the_top_do_not_overlap(num: int) -> None:
    figure, axes = figure_of(num)
    assert len(axes) == num
    boxes = [each.get_position() for each in axes]
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(boxes))
    assert figure.get_figheight() == num * figure_of(1)[0].get_figheight()


def test_names_have_room() -> None:
    """A panel is as wide as without them, and a legend of them ends within the figure."""
    name = "bdia integrator=euler, gamma 0.1"
    (plain, (alone,)), (figure, (axes,)) = figure_of(1), figure_of(1, [name])
    width = axes.get_position().width * figure.get_figwidth()
    assert width == pytest.approx(alone.get_position().width * plain.get_figwidth())
    axes.plot([0, 1], [0, 1], label=name)
    legend_beside(axes)
    figure.canvas.draw()
    box = axes.get_legend().get_window_extent()
    assert axes.get_window_extent().x1 < box.x0 < box.x1 <= figure.bbox.x1


def test_a_note_is_said() -> None:
    figure, _ = figure_of(1, note="3 more panels are not drawn")
    assert [text.get_text() for text in figure.texts] == ["3 more panels are not drawn"]
