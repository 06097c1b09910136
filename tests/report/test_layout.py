"""Which columns a table has, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.yaml_files import load_yaml
from bdia_edm.report.layout import COLUMNS, Layout, read_layout


def test_ours_has_every_column_and_figure() -> None:
    layout = read_layout(load_yaml(conf_folder() / "table.yaml"), "table")
    assert layout == Layout(COLUMNS, None, "table") == read_layout({}, "table")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"columns": ["sampler", "step"]},
            "x: columns: step: unknown; there are sampler, options, steps, nfe,",
        ),
        ({"columns": ["nfe", "nfe"]}, "x: columns: nfe is named twice"),
        ({"columns": []}, "x: columns: must be a list of names"),
        ({"columns": "nfe"}, "x: columns: must be a list of names"),
        ({"columns": None}, "x: columns: must be a list of names"),
        ({"metrics": "fid"}, "x: metrics: must be all or a list of names"),
        ({"metrics": [1]}, "x: metrics: must be all or a list of names"),
        ({"metric": "all"}, "x: metric: unknown; there are columns and metrics"),
    ],
)
def test_mistakes(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as raised:
        read_layout(values, "x")
    assert str(raised.value).startswith(message)


def test_a_figure_that_no_record_has() -> None:
    layout = read_layout({"metrics": ["recall", "fid"]}, "x")
    layout.check_metrics(["fid", "kid", "recall"])
    assert layout.shown(["fid", "kid"]) == ("fid",)
    assert layout.shown(["fid", "recall"]) == ("recall", "fid")
    with pytest.raises(UserError, match=r"^x: metrics: recall: unknown; there are fid, recal; did you mean recal\?"):
        layout.check_metrics(["fid", "recal"])
    with pytest.raises(UserError, match="nothing was measured"):
        layout.check_metrics([])
