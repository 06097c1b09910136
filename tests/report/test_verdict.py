"""Intervals and verdicts of differences, from what is kept beside records."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.influence import influence
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.uncertainty import KeptDistance, KeptUncertainty, write_uncertainty
from bdia_edm.report.rows import Group, group_records
from bdia_edm.report.tables import to_csv, to_latex, to_markdown
from bdia_edm.report.verdict import Comparison, compared
from tests.references import REFERENCE
from tests.report.test_tables import record

T19 = 2.0930240544082634
NOTHING = np.empty(0)
RNG = np.random.default_rng(5)
NUMBERS = RNG.standard_normal((4, 3000))
NUMBERS -= NUMBERS.mean(axis=1, keepdims=True)


def kept(distance: float, numbers: np.ndarray, without: np.ndarray = NOTHING, num_features: int = 64) -> KeptDistance:
    return KeptDistance(distance, num_features, len(numbers), numbers, without)


def test_reference_difference() -> None:
    """Of public figures: the difference, and its standard error paired by row."""
    features = np.load(REFERENCE / "metrics" / "features.npz")
    expected = json.loads((REFERENCE / "metrics" / "values.json").read_text())["paired_fid_difference"]
    real = features["real"].astype(np.float64)
    target = real.mean(axis=0), np.cov(real.T)
    both = []
    for name in (expected["b"], expected["a"]):
        rows = features[name].astype(np.float64)
        moments = rows.mean(axis=0), np.cov(rows.T)
        both.append(kept(frechet_distance(*moments, *target), influence(rows, *moments, *target), num_features=32))
    found = compared([(both[0], both[1])])
    assert found is not None
    assert found.difference == pytest.approx(expected["difference"], rel=1e-9)
    assert found.half_width / 1.959963984540054 == pytest.approx(expected["standard_error_paired_by_row"], rel=1e-7)
    assert (found.method, found.verdict, found.is_trusted) == ("influence", "worse", True)
    assert found.relative == found.difference / both[1].distance


def test_what_both_samplers_share_is_in_no_interval() -> None:
    """An image that is hard for both alike takes nothing from their difference."""
    alike = [kept(1.0, 100 * NUMBERS[0] + NUMBERS[1]), kept(1.2, 100 * NUMBERS[0] + NUMBERS[2])]
    found = compared([(alike[0], alike[1])])
    assert found is not None
    assert found.half_width == pytest.approx(1.96 * math.sqrt(np.var(NUMBERS[1] - NUMBERS[2], ddof=1) / 3000), rel=1e-4)
    assert found.verdict == "better"


def test_few_images_have_the_jackknife() -> None:
    without = RNG.standard_normal((2, 20)) * 0.001 + [[1.01], [1.32]]
    found = compared([(kept(1.0, NUMBERS[0], without[0]), kept(1.3, NUMBERS[1], without[1]))])
    assert found is not None
    groups = without[0] - without[1]
    assert found.difference == pytest.approx(20 * -0.3 - 19 * groups.mean())
    assert found.half_width == pytest.approx(T19 * math.sqrt(19 / 20 * ((groups - groups.mean()) ** 2).sum()))
    assert found.method == "jackknife"
    assert found.relative == pytest.approx(found.difference / 1.3)


@pytest.mark.parametrize("without", [NOTHING, np.linspace(0.99, 1.01, 20)])
def test_blocks_of_seeds_are_pooled(without: np.ndarray) -> None:
    """The mean of the differences, and the variance of a mean: twice the images, 1/√2 of the width."""
    baseline = kept(1.0, NUMBERS[0], without * 0 + 1.0)
    first, second = kept(1.1, NUMBERS[1], without * 1.1), kept(1.3, NUMBERS[1], without * 1.1 + 0.2)
    pairs = [(first, baseline), (second, baseline)]
    one, two, both, pooled = (compared(each) for each in (pairs[:1], pairs[1:], pairs, pairs[:1] * 2))
    assert one is not None
    assert two is not None
    assert both is not None
    assert pooled is not None
    assert both.difference == pytest.approx((one.difference + two.difference) / 2)
    # Student's t of 38 degrees of freedom is a little less than that of 19.
    ratio = 2.024394164 / T19 if len(without) else 1
    assert pooled.half_width == pytest.approx(one.half_width * ratio / math.sqrt(2), rel=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.2, -0.1, "better"), (0.1, 0.2, "worse"), (-0.1, 0.2, "not distinguishable"), (-1, 0, "not distinguishable")],
)
def test_verdicts(low: float, high: float, verdict: str) -> None:
    found = Comparison((low + high) / 2, low, high, 0.1, "influence", True)
    turned = {"better": "worse", "worse": "better"}
    assert found.verdict == verdict
    assert found._replace(higher_is_better=True).verdict == turned.get(verdict, verdict)


def test_what_cannot_be_compared() -> None:
    one = kept(1.0, NUMBERS[0])
    others = [kept(1.0, NUMBERS[0][:-1]), kept(1.0, NUMBERS[0], np.ones(20)), kept(1.0, NUMBERS[0], num_features=63)]
    assert [compared([(one, other)]) for other in others] == [None] * 3
    assert compared([]) is None
    same = compared([(one, one)])
    assert same is not None
    assert (same.low, same.high, same.verdict) == (0, 0, "not distinguishable")


def test_few_images_a_feature_are_not_trusted() -> None:
    pair = [kept(1.0, NUMBERS[k], num_features=601) for k in (0, 1)]
    found = compared([(pair[0], pair[1])])
    assert found is not None
    assert not found.is_trusted


def runs(tmp_path: Path, *given: tuple[str, float, np.ndarray], **changed: Any) -> tuple[list[Any], list[Path]]:
    """Records at 11 evaluations with what is kept beside them; 'edm' is the baseline."""
    records, folders = [], []
    for name, distance, numbers in given:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        records.append(record(name, 6, 11, distance, **changed))
        folders.append(folder)
        write_uncertainty(folder, KeptUncertainty(records[-1]["seeds"], {"fd_digits": kept(distance, numbers)}))
    return records, folders


EDM, BDIA = ("edm", 0.9, NUMBERS[0]), ("bdia", 0.4, 0.5 * NUMBERS[1] + NUMBERS[0])


def grouped(*given: Any) -> Group:
    (group,) = group_records(*given)
    return group


def test_a_table_with_intervals(tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, BDIA, ("near", 0.91, NUMBERS[1]))
    # One that nothing was kept of, and one with no baseline at its cost.
    records += [record("old", 6, 11, 0.5), record("dear", 9, 17, 0.2)]
    folders += [tmp_path, tmp_path]
    group = grouped(records, folders)
    half = 1.959964 * math.sqrt(0.25 * NUMBERS[1].var(ddof=1) / 3000)
    assert f"{half:.3f}" == "0.018"
    assert to_markdown([group]) == (
        "### digits: 3,000 images (seeds 0-2999), fd_digits\n\n"
        "| sampler | steps | NFE | fd_digits | vs EDM at this NFE | verdict | images/s |\n"
        "| --- | ---: | ---: | ---: | ---: | --- | ---: |\n"
        "| edm | 6 | 11 | 0.900 |  |  | 123 |\n"
        "| bdia | 6 | 11 | 0.400 | -0.500 ± 0.018 | better | 123 |\n"
        "| dear | 9 | 17 | 0.200 |  |  | 123 |\n"
        "| near | 6 | 11 | 0.910 | +0.010 ± 0.051 | not distinguishable | 123 |\n"
        "| old | 6 | 11 | 0.500 | -0.400 |  | 123 |\n\n"
        "± is half of the 95 % interval of a difference on the same seeds, by the influence function; the verdict "
        "is of it.\n\n"
        "1 of the differences have no interval: that run or the baseline's keeps none (uncertainty.npz), as of "
        "earlier versions or beside another record; without its folder it is made again.\n"
    )
    assert r"$-$0.500 $\pm$ 0.018 & better &" in to_latex([group])
    rows = {row["sampler"]: row for row in csv.DictReader(io.StringIO(to_csv([group])))}
    shown = rows["bdia"]
    assert float(shown["fd_digits_low"]) == pytest.approx(-0.5 - half)
    assert float(shown["fd_digits_high"]) == pytest.approx(-0.5 + half)
    assert float(shown["fd_digits_relative_difference"]) == pytest.approx(-5 / 9)
    assert (shown["fd_digits_method"], shown["fd_digits_verdict"]) == ("influence", "better")
    for name in ("edm", "old", "dear"):
        assert [rows[name][f"fd_digits_{each}"] for each in ("low", "high", "method", "verdict")] == [""] * 4


def test_of_a_figure_of_which_more_is_better_less_is_worse(tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, BDIA, higher_is_better=["fd_digits"])
    group = grouped(records, folders)
    assert group.rows[1].verdict == "worse"
    assert "| bdia | 6 | 11 | 0.400 | -0.500 ± 0.018 | worse |" in to_markdown([group])


def test_without_folders_there_are_no_intervals(tmp_path: Path) -> None:
    records, _ = runs(tmp_path, EDM, BDIA)
    assert "verdict" not in to_markdown(group_records(records))


def test_several_blocks_of_seeds(tmp_path: Path) -> None:
    records, folders = [], []
    for number, seeds in enumerate(("0-2999", "3000-5999")):
        for name, distance, numbers in (EDM, BDIA):
            shifted = distance + (0.1 * number if name == "bdia" else 0)
            found = runs(tmp_path, (name, shifted, numbers), seeds=seeds, series=name)
            records += found[0]
            folders += found[1]
    group = grouped(records, folders)
    comparison = group.rows[1].comparisons["fd_digits"]
    assert comparison.difference == pytest.approx(-0.45)
    assert comparison.half_width == pytest.approx(1.959964 * math.sqrt(0.25 * NUMBERS[1].var(ddof=1) / 6000))
    # Where one block lacks its file, the whole has no interval.
    RunFolder(folders[2]).uncertainty.unlink()
    assert grouped(records, folders).rows[1].comparisons == {}


@pytest.mark.parametrize("stale", ["seeds", "distance", "images"])
def test_what_was_kept_for_another_record_is_not_taken(stale: str, tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, BDIA)
    seeds = "1-3000" if stale == "seeds" else "0-2999"
    numbers = NUMBERS[0][:-1] if stale == "images" else NUMBERS[0]
    distance = 0.41 if stale == "distance" else 0.4
    write_uncertainty(folders[1], KeptUncertainty(seeds, {"fd_digits": kept(distance, numbers)}))
    assert grouped(records, folders).rows[1].comparisons == {}


def test_a_damaged_file_is_told_and_hides_nothing(tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, BDIA, ("near", 0.91, NUMBERS[1]))
    RunFolder(folders[1]).uncertainty.write_bytes(b"x")
    text = to_markdown(group_records(records, folders))
    assert "| bdia | 6 | 11 | 0.400 | -0.500 |  | 123 |" in text
    assert "| near | 6 | 11 | 0.910 | +0.010 ± 0.051 | not distinguishable | 123 |" in text
    assert text.count("uncertainty.npz: not readable") == 1


def test_notes_say_what_the_reader_must_know(tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, BDIA)
    for folder, (_, distance, numbers) in zip(folders, (EDM, BDIA), strict=True):
        few = kept(distance, numbers, np.linspace(distance, distance + 0.01, 20), 2048)
        write_uncertainty(folder, KeptUncertainty("0-2999", {"fd_digits": few}))
    first, second = grouped(records, folders).notes
    assert "by the jackknife over 20 groups of seeds" in first
    assert "not to be trusted" in second


def test_a_second_figure_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    records, folders = runs(tmp_path, EDM, BDIA)
    for each in records:
        each["metrics"] = {**each["metrics"], "recall": 0.5}
    head = to_markdown(group_records(records, folders)).splitlines()[2]
    assert (
        "| fd_digits | fd_digits vs EDM at this NFE | fd_digits verdict | recall | recall vs EDM at this NFE |" in head
    )


def test_a_difference_without_an_interval_beside_others_is_said(tmp_path: Path) -> None:
    three = [("edm", 2.0, NUMBERS[0]), ("bdia", 1.0, NUMBERS[1]), ("rival", 1.5, NUMBERS[2])]
    records, folders = runs(tmp_path, *three)
    assert "have no interval" not in to_markdown(group_records(records, folders))
    RunFolder(folders[2]).uncertainty.unlink()
    assert "1 of the differences have no interval" in to_markdown(group_records(records, folders))
    # Where there is none at all, there is no column for them either.
    assert "have no interval" not in to_markdown(group_records(records))
