"""The scale of an axis of figures."""

from __future__ import annotations

import math

import pytest
from matplotlib.figure import Figure

from bdia_edm.report.axis_scale import can_be_drawn, scale_axis


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1.0, 10.0], "log"),
        ([1.0, 2.0], "linear"),  # a logarithmic axis would have one number
        ([1e-9, 1e3], "log"),
        ([0.0, 1e-9, 1e3], "symlog"),
        ([0.0, 1.0], "linear"),
        ([-1.0, 10.0], "linear"),
        ([], "linear"),
    ],
)
def test_it_is_logarithmic_where_that_says_more(values: list[float], scale: str, which: str) -> None:
    axes = Figure().subplots()
    axes.plot(values, values)
    scale_axis(axes, which, values)
    assert getattr(axes, f"get_{which}scale")() == scale
    axes.figure.draw_without_rendering()
    labels = [label.get_text() for label in getattr(axes, f"get_{which}ticklabels")() if label.get_text()]
    assert not values or len(labels) > 1


def test_what_is_beyond_every_axis() -> None:
    assert [can_be_drawn(value) for value in (0.0, -1.0, 1e-99, 1e99)] == [True] * 4
    assert not any(map(can_be_drawn, (math.nan, math.inf, -math.inf, 5e-324, 1e300)))
