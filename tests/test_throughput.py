"""The script that measures speed: what it counts and fits, and that its parts run; no time is asserted."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from bdia_edm.records.record import read_records
from bdia_edm.report.rows import group_records
from scripts import throughput
from scripts.timing import clock, targets
from scripts.timing.clock import Took, in_turns, process, steady
from scripts.timing.figures import Figure, Section, combined, line_fit, shown
from scripts.timing.flops import flops_of, flops_of_checkpoint
from scripts.timing.parts import hours, pipeline, records
from scripts.timing.sizes import sizes_of
from scripts.timing.subject import RELEASED, Subject, checkpoint_of
from scripts.timing.targets import TARGETS, landing

CPU = torch.device("cpu")


def test_flops_are_twice_the_multiply_adds() -> None:
    convolution, x = nn.Conv2d(3, 5, 3, padding=1), torch.zeros(2, 3, 8, 8)
    assert flops_of(lambda: convolution(x)) == 2 * 2 * 5 * 3 * 9 * 64
    matrix = torch.zeros(7, 11)
    assert flops_of(lambda: matrix @ matrix.T) == 2 * 7 * 11 * 7


def test_the_released_networks_compute_what_is_known_of_them() -> None:
    assert {model: checkpoint_of(model) for model in RELEASED}["imagenet64"] == "edm-imagenet-64x64-cond-adm"
    assert flops_of_checkpoint("edm-cifar10-32x32-cond-vp") / 1e9 == pytest.approx(42.4, abs=0.05)
    section = hours.measure(CPU, [""], 1, ["cifar10"])
    assert section["cifar10, 35 evaluations"].median == pytest.approx(74, abs=0.5)
    assert section["cifar10, 35 evaluations"].unit == "PFLOP"


def test_a_line_is_fitted_and_its_residual_is_of_what_is_none() -> None:
    fit = line_fit([1, 2, 4], [3.5, 4, 5])
    assert (fit.fixed, fit.slope, fit.residual) == pytest.approx((3, 0.5, 0))
    assert line_fit([1, 2, 4], [1, 4, 16]).residual > 0.2


def test_a_figure_of_several_is_of_the_same_round() -> None:
    found = combined("ratio", "×", lambda a, b: a / b, (2, 20, 200), (1, 10, 100))
    assert found.values == (2, 2, 2)
    with pytest.raises(ValueError, match="shorter"):
        combined("ratio", "×", lambda a, b: a / b, (1, 2), (1,))


def test_tables_show_the_median_and_the_spread() -> None:
    section = Section("part", "digits", "Title", "Words.", [Figure("a", (3, 1, 2), "s"), Figure("b", (12345.6,), "")])
    assert "| a | 2.00 | 1.00 to 3.00 | s |" in section.markdown()
    assert "| b | 12,346 |  |  |" in section.markdown()
    assert section["a"].median == 2
    with pytest.raises(KeyError, match="no figure 'c'"):
        section["c"]
    assert (shown(0.000123), shown(99.96), shown(math.nan)) == ("0.000123", "100", "-")


def test_works_take_turns_and_the_first_is_not_counted() -> None:
    done: list[str] = []

    def work(name: str) -> Took:
        done.append(name)
        return Took(len(done), 0, 0)

    found = in_turns({"a": lambda: work("a"), "b": lambda: work("b")}, 2)
    assert "".join(done) == "ababba"
    assert [each.wall for each in found["b"]] == [4, 5]
    done.clear()
    in_turns({"a": lambda: work("a"), "b": lambda: work("b")}, 1, warm=("b",))
    assert "".join(done) == "bab"


def test_short_works_are_done_often_and_told_for_once() -> None:
    done: list[int] = []
    work = steady(lambda: done.append(sum(range(10_000))), CPU)
    first, before = work(), len(done)
    second = work()
    assert len(done) - before > before
    assert 0 < second.wall < second.wall * (len(done) - before)
    assert first.wall > 0


def test_the_peak_is_of_this_work() -> None:
    """In a process of its own: what others left in this one's heap is no work's."""
    lines = (
        "import numpy, torch; from scripts.timing.clock import clocked; cpu = torch.device('cpu')",
        "works = (lambda: None, lambda: numpy.ones(20_000_000), lambda: None)",
        "print(*(clocked(work, cpu).peak for work in works))",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    small, large, again = map(float, done.stdout.split())
    assert large - small > 120
    assert large - again > 120


def test_a_process_that_fails_is_said() -> None:
    took = process("-c", "bytearray(100 << 20)")
    assert took.peak > 100
    with pytest.raises(RuntimeError, match="exit status 3: why"):
        process("-c", "import sys; sys.stderr.write('why'); sys.exit(3)")


def test_the_whole_of_a_batch_is_scaled() -> None:
    sizes = sizes_of("digits", CPU).with_batch(50)
    assert (sizes.batch, sizes.images, sizes.plain) == (50, (50, 100, 200), 50)


def test_where_it_must_land() -> None:
    """Of each target: not measured, met and not met; and what only a GPU tells."""

    def section(part: str, of: str, *figures: tuple[str, float]) -> Section:
        return Section(part, of, "", "", [Figure(name, (value,), "images/s") for name, value in figures])

    def row(words: str, *sections: Section, device: str = "cpu") -> str:
        return next(line for line in landing(sections, device).splitlines() if words in line)

    assert len(landing([], "cpu").splitlines()) == 2 + len(TARGETS)
    assert "not measured: part pipeline of digits" in row("digits: pipeline over")
    assert row("digits: pipeline over", section("pipeline", "digits", (pipeline.OVERHEAD, 2.9))).endswith("| met |")
    over = row("digits: pipeline over", section("pipeline", "digits", (pipeline.OVERHEAD, 3.1)))
    assert over.endswith("| **not met** |")
    beside = section(
        "pipeline", "digits", ("`precision=bf16`: " + pipeline.OVERHEAD, 9), ("defaults: " + pipeline.OVERHEAD, 1)
    )
    assert row("digits: pipeline over", beside).endswith("| met |")
    # A smaller sweep is no answer.
    assert "not measured" in row("`table` of", section("records", "machine", ("table of 200 records", 0.1)))
    rates = [("defaults, batch 1", 5.0), ("defaults, batch 4", 10.0), ("`precision=bf16`, batch 4", 19.0)]
    assert "1.90 ×" in row("bf16 over fp32", section("denoiser", "cifar10", *rates))
    assert "this processor has none" in row("bf16 over fp32", section("denoiser", "cifar10", *rates[:2]))
    shares = section("denoiser", "cifar10", ("a: of the peak", 30.0), ("b: of the peak", 40.0))
    assert "needs a GPU" in row("share of the dense peak", shares)
    assert row("share of the dense peak", shares, device="cuda").endswith("| met |")
    assert "1.90 ×" in row("imagenet64: fastest", section("denoiser", "imagenet64", *rates), device="cuda")


def test_every_part_of_digits_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_LEAST", 0.01)
    dest = tmp_path / "speed.json"
    parts = ["denoiser", "sampler", "pipeline", "profile", "distance", "reading"]
    options = ["--quick", "--repeats", "1", "--json", str(dest), "--device", "cpu"]
    ways = ["--way", "", "--way", "no_such_option=1"]
    done = CliRunner().invoke(throughput.main, [*options, *ways, *(f"--part={part}" for part in parts)])
    assert done.exit_code == 0, done.output
    found = json.loads(dest.read_text())
    assert {section["part"] for section in found["sections"]} == set(parts)
    assert found["device"]["type"] == "cpu"
    assert {"torch", "numpy", "python"} <= found["versions"].keys()
    figures = {figure["name"]: figure for section in found["sections"] for figure in section["figures"]}
    for name, figure in figures.items():
        assert figure["median"] is not None, name
        assert len(figure["values"]) == 1
        if figure["unit"] in ("images/s", "GFLOP/s", "MB"):
            assert figure["median"] > 0
    assert pipeline.OVERHEAD in figures
    assert pipeline.RATIO in figures
    assert done.stdout.count("`no_such_option=1` is not measured here") == 2
    assert "aten::" in done.stdout


def test_a_quick_look_says_nothing_of_speed() -> None:
    done = CliRunner().invoke(throughput.main, ["--quick", "--target"])
    assert done.exit_code == 2
    assert "--quick says nothing of speed" in done.output


def test_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each model, one of the machine, one of the landing figures; all name machine and versions."""
    sections = [
        Section("distance", "machine", "Distance", "Of features."),
        Section("denoiser", "digits", "Bare", "It."),
    ]
    monkeypatch.setattr(throughput, "measured", lambda wanted: iter(sections))
    done = CliRunner().invoke(throughput.main, ["--pages", str(tmp_path / "speed"), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    pages = {path.name: path.read_text() for path in (tmp_path / "speed").iterdir()}
    assert pages.keys() == {"machine.md", "digits.md", "landing.md"}
    assert all(f"torch {torch.__version__.partition('+')[0]}" in page for page in pages.values())
    assert "## Bare" in pages["digits.md"]
    assert f"| {targets.TARGETS[0].words} |" in pages["landing.md"]


def test_a_sweeps_records_are_records(tmp_path: Path) -> None:
    """Each a block of one of the rows, with intervals: what tables are slow at."""
    records.write_sweep(tmp_path, 200)
    found, folders, damaged = read_records(tmp_path)
    assert (len(found), damaged) == (200, [])
    (group,) = group_records(found, folders)
    assert len(group.rows) == 20
    assert {row.is_baseline for row in group.rows} == {True, False}
    assert all(row.comparisons for row in group.rows if not row.is_baseline)


def test_a_released_network_needs_no_download() -> None:
    """The card's own network and Inception's, with made weights: images of one evaluation that are neither black nor
    white."""
    with Subject.made("cifar10", "cpu", 1, 2) as subject:
        run = subject.run
        assert sum(parameter.numel() for parameter in run.denoiser.parameters()) == 55_735_299
        assert (run.detector.name, run.detector.num_features) == ("inception", 2048)
        assert subject.is_large
        assert (subject.nfe, subject.card_images) == (3, 50_000)
        x, labels = subject.noise(2)
        assert labels is not None
        with torch.inference_mode():
            images = run.denoiser(x, 1.0, labels)
        assert images.isfinite().all()
        assert 0.05 < images.std() < 10
