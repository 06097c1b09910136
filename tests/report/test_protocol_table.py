"""One set of images under several protocols, as a table."""

from __future__ import annotations

from typing import Any

from bdia_edm.report.protocol_table import protocol_table


def row(title: str, **more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("fid", "difference", "feature_change", "sfid", "inception_score", "missing", "to_uint8"))
    facts = {"resize": "bilinear", "range": "-1 to 1", "rule": "all", "used_by": "some", "keeps_rule": True}
    return {"title": title, "num_images": 100, "num_data": 90, **nothing, **facts, **more}


def test_figures_what_is_missing_and_what_is_not_kept() -> None:
    rows = [
        row("a", missing="no *file*", keeps_rule=False),
        row("b", fid=1.23456, sfid=5.5, inception_score=9.0),
        row("c", fid=1.3, difference=0.06544, feature_change=0.0075, keeps_rule=False, num_data=None),
        row("d", fid=1.3, difference=-2e-6),
        row("c", fid=1.3, difference=0.06544, keeps_rule=False),
    ]
    lines = protocol_table(rows, "b").splitlines()
    assert lines[0].startswith("| protocol | resize to 299 | range | images | data | FID | less b's | features' change")
    assert lines[2] == "| a | bilinear | -1 to 1 | 100 | 90 | – | – | – | – | – | some |"
    assert lines[3] == "| b | bilinear | -1 to 1 | 100 | 90 | 1.2346 | – | – | 5.5000 | 9.0000 | some |"
    assert lines[4] == "| c | bilinear | -1 to 1 | 100 | file | 1.3000 | +0.0654 | 0.75 % | – | – | some |"
    assert "| -2.0e-06 |" in lines[5]
    assert [line for line in lines[7:] if line] == [
        r"a: no figure: no \*file\*.",
        "c: 100 images are fewer than its rule has (all).",
    ]


def test_how_floats_were_made_8_bit_is_said_once() -> None:
    rows = [row("a", fid=1.0, to_uint8="rounded"), row("b", fid=2.0, to_uint8="rounded")]
    assert protocol_table(rows, "a").count("rounded to uint8 as EDM does") == 1
    assert "rounded" not in protocol_table([row("a", fid=1.0)], "a")
