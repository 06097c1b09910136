"""The columns of a group's table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bdia_edm.records.uncertainty import KeptUncertainty, write_uncertainty
from bdia_edm.report.layout import Layout
from bdia_edm.report.rows import group_records
from bdia_edm.report.tables import to_markdown
from tests.report.test_tables import BDIA, record
from tests.report.test_verdict import NUMBERS, kept


def lines(groups: Any, *columns: str, metrics: tuple[str, ...] | None = None) -> list[str]:
    return to_markdown(groups, layout=Layout(columns, metrics)).splitlines()[2:]


def test_columns_are_those_of_the_layout_in_its_order() -> None:
    groups = group_records([record("edm", 6, 11, 0.9), record("bdia", 6, 11, 0.4, BDIA)])
    head, rule, edm, bdia = lines(groups, "nfe", "differences", "sampler")
    assert [head, edm, bdia] == ["| NFE | vs EDM at this NFE | sampler |", "| 11 |  | edm |", "| 11 | -0.500 | bdia |"]
    assert rule == "| ---: | ---: | --- |"


def test_figures_and_what_stands_beside_them() -> None:
    figures = {"fid": 2.0, "kid": 0.5, "kid_se": 0.125}
    groups = group_records([record(name, 6, 11, None, metrics=figures) for name in ("edm", "bdia")])
    assert lines(groups, "differences", "figures")[0] == (
        "| fid vs EDM at this NFE | fid | kid vs EDM at this NFE | kid | kid_se |"
    )
    apart = lines(groups, "figures", "nfe", "differences")[0]
    assert apart == "| fid | kid | kid_se | NFE | fid vs EDM at this NFE | kid vs EDM at this NFE |"
    assert lines(groups, "figures", "differences", metrics=("kid",))[0] == "| kid | vs EDM at this NFE |"
    text = to_markdown(groups, layout=Layout(metrics=("kid", "fid")))
    assert text.startswith("### digits: 3,000 images (seeds 0-2999), kid, fid\n")


def test_a_figure_that_is_missing_stays_missing() -> None:
    groups = group_records([record("edm", 6, 11, None, metrics={"fid": 2.0}), record("bdia", 6, 11, None)])
    assert lines(groups, "sampler", "figures", "differences")[2:] == ["| edm | 2.000 |  |", "| bdia |  |  |"]


def encoders(tmp_path: Path, digits: float, pixels: float, said: bool = True, **others: float) -> Any:
    """EDM at 1 in both encoders, and one at these distances; what is 1.01 cannot be told from it.

    Args:
        others: figures that are no encoder's distance, of which EDM has 1 too.
    """
    records, folders = [], []
    for number, (name, distances) in enumerate((("edm", (1.0, 1.0)), ("bdia", (digits, pixels)))):
        figures = dict(zip(("fd_digits", "fd_pixels"), distances, strict=True))
        figures |= dict.fromkeys(others, 1.0) if name == "edm" else others
        one = record(name, 6, 11, None, metrics=figures)
        if said:
            one["distances"] = {"digits": "fd_digits", "pixels": "fd_pixels"}
        folder = tmp_path / name
        folder.mkdir()
        of_both = {each: kept(value, NUMBERS[number]) for each, value in figures.items()}
        write_uncertainty(folder, KeptUncertainty(one["seeds"], of_both))
        records.append(one)
        folders.append(folder)
    return group_records(records, folders)


def test_two_encoders_have_one_verdict(tmp_path: Path) -> None:
    cases = {
        (0.5, 0.5): "better",
        (1.5, 1.5): "worse",
        (1.01, 1.01): "not distinguishable",
        (0.5, 1.5): "encoders disagree",
        (0.5, 1.01): "better (digits)",
        (1.01, 1.5): "worse (pixels)",
    }
    for number, (distances, verdict) in enumerate(cases.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        groups = encoders(folder, *distances)
        assert [row.verdict for row in groups[0].rows] == ["", verdict]
        head, _, _, bdia = lines(groups, "sampler", "figures", "differences", "verdict")[:4]
        assert head == (
            "| sampler | fd_digits | fd_digits vs EDM at this NFE "
            "| fd_pixels | fd_pixels vs EDM at this NFE | verdict |"
        )
        assert bdia.endswith(f" | {verdict} |")
        # Where one figure alone is shown, it is still of both.
        assert lines(groups, "verdict", metrics=("fd_digits",))[3] == f"| {verdict} |"


def test_encoders_of_records_that_do_not_say_them_are_called_by_their_distances(tmp_path: Path) -> None:
    groups = encoders(tmp_path, 0.5, 1.01, said=False)
    assert groups[0].rows[1].verdict == "better (fd_digits)"


def test_what_is_no_encoders_distance_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    groups = encoders(tmp_path, 0.5, 0.5, ode_rms=1.5, fd_digits_infinity=1.01)
    assert [row.verdict for row in groups[0].rows] == ["", "better"]
    head, _, _, bdia = lines(groups, "verdict")[:4]
    assert head == "| ode_rms verdict | fd_digits_infinity verdict | verdict |"
    assert bdia == "| worse | not distinguishable | better |"
    assert lines(groups, "verdict", metrics=("ode_rms",))[::3][:2] == ["| verdict |", "| worse |"]


def test_beside_one_encoder_each_figure_has_its_verdict(tmp_path: Path) -> None:
    records, folders = [], []
    for number, (name, value) in enumerate((("edm", 1.0), ("bdia", 0.5))):
        figures = {"fd_digits": value, "ode_rms": 2 - value}
        records.append(record(name, 6, 11, None, metrics=figures, distances={"digits": "fd_digits"}))
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        of_both = {each: kept(figure, NUMBERS[number]) for each, figure in figures.items()}
        write_uncertainty(folders[-1], KeptUncertainty(records[-1]["seeds"], of_both))
    groups = group_records(records, folders)
    assert groups[0].rows[1].verdict == "better"
    assert lines(groups, "verdict")[::3][:2] == ["| fd_digits verdict | ode_rms verdict |", "| better | worse |"]
