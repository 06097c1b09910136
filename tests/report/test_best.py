"""The best of several rows, and the best of many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.uncertainty import KeptUncertainty, write_uncertainty
from bdia_edm.report.rows import group_records
from bdia_edm.report.tables import to_latex, to_markdown
from tests.report.test_tables import BDIA, record
from tests.report.test_verdict import NUMBERS, kept, runs

EDM, FAR, NEAR = ("edm", 0.9, NUMBERS[0]), ("far", 0.4, NUMBERS[1]), ("near", 0.41, NUMBERS[2])


def best(records: list[Any], folders: list[Path]) -> dict[str, tuple[str, ...]]:
    (group,) = group_records(records, folders)
    return {row.sampler: row.best for row in group.rows}


def test_the_best_is_bold_where_it_can_be_told_from_the_second(tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, FAR)
    assert best(records, folders) == {"edm": (), "far": ("fd_digits",)}
    groups = group_records(records, folders)
    assert "| far | 6 | 11 | **0.400** |" in to_markdown(groups)
    assert r"far & 6 & 11 & \textbf{0.400} &" in to_latex(groups)
    # It is better than the baseline, and not than the second.
    more = runs(tmp_path, NEAR)
    assert set(best(records + more[0], folders + more[1]).values()) == {()}
    assert "**" not in to_markdown(group_records(records + more[0], folders + more[1]))


def test_the_baseline_may_be_the_best(tmp_path: Path) -> None:
    assert best(*runs(tmp_path, ("edm", 0.1, NUMBERS[0]), FAR))["edm"] == ("fd_digits",)


def test_the_most_is_the_best_where_more_is_better(tmp_path: Path) -> None:
    assert best(*runs(tmp_path, EDM, FAR, higher_is_better=["fd_digits"])) == {"edm": ("fd_digits",), "far": ()}


def test_what_is_not_to_be_trusted_is_not_bold(tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, FAR)
    for folder, (_, distance, numbers) in zip(folders, (EDM, FAR), strict=True):
        few = kept(distance, numbers, num_features=601)
        write_uncertainty(folder, KeptUncertainty("0-2999", {"fd_digits": few}))
    assert set(best(records, folders).values()) == {()}


def test_each_cost_has_its_best(tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, FAR)
    records[1] |= {"nfe": 12}
    assert set(best(records, folders).values()) == {()}


@pytest.mark.parametrize("missing", [0, 1])
def test_without_an_interval_nothing_is_bold(missing: int, tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, FAR)
    assert set(best(records, []).values()) == {()}
    RunFolder(folders[missing]).uncertainty.unlink()
    assert set(best(records, folders).values()) == {()}
    RunFolder(folders[missing]).uncertainty.write_bytes(b"x")
    assert set(best(records, folders).values()) == {()}


def test_a_negative_best_is_escaped_rightly(tmp_path: Path) -> None:
    groups = group_records(*runs(tmp_path, EDM, ("far", -0.4, NUMBERS[1])))
    assert r"\textbf{$-$0.400}" in to_latex(groups)
    assert "| **-0.400** |" in to_markdown(groups)


def several(*gammas: float, **changed: Any) -> list[Any]:
    return [record("bdia", 6, 11, gamma, BDIA | {"gamma": gamma}, **changed) for gamma in gammas]


def test_the_best_of_many_is_said() -> None:
    def said(records: list[Any]) -> list[str]:
        (group,) = group_records(records)
        return [note for note in group.notes if "best" in note]

    edm = record("edm", 6, 11, 0.5)
    assert said([edm, *several(0.1, 0.3, 0.5)]) == [
        "The best gamma is the best of 3 on the seeds that are reported, and so looks better than it is; compare "
        "select=gamma chooses on others."
    ]
    assert said([edm, *several(0.1)]) == []
    # Another backward integration is another sampler.
    assert said([edm, *several(0.1), record("bdia", 6, 11, 0.3, {"backward": "heun", "gamma": 0.3})]) == []
    assert said([edm, record("bdia", 6, 11, 0.3, BDIA), record("bdia", 9, 17, 0.3, BDIA)]) == []
    assert said([record("edm", 6, 11, None), *[each | {"metrics": {}} for each in several(0.1, 0.3)]]) == []
    (line,) = said([edm | {"task": "edit"}, *several(0.1, 0.3, task="edit")])
    assert line == "The best gamma is the best of 2 on the images that are reported, and so looks better than it is."
