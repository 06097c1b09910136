"""One figure against another: lines of samplers, told by what differs along them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bdia_edm.records.record import Record
from bdia_edm.report.tradeoff import plot_tradeoff


def record(sampler: str, step: int, ssim: float, success: float | None, floor: float = 0.3) -> Record:
    metrics = {"ssim": ssim, "floor": floor} | ({} if success is None else {"success": success})
    labels = {"sampler": sampler, "title": sampler, "columns": {"step": step}, "is_baseline": False}
    found: dict[str, Any] = {"model": "toy", "num_images": 10, "sampler": {"num_steps": 9}}
    return {**found, "labels": labels, "metrics": metrics}  # type: ignore[typeddict-item,return-value]


RUNS = [record("a", 0, 0.5, 1.0), record("a", 4, 0.7, 0.8), record("b", 0, 0.4, 0.9)]


def drawn(path: Path, records: list[Record], floor: tuple[str, str] | None = None) -> np.ndarray:
    assert plot_tradeoff(records, path, "ssim", "success", "step", floor)
    return np.asarray(Image.open(path).convert("RGB"))


def test_every_sampler_is_a_line_in_the_steps_order(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "a.png", RUNS)
    assert (picture == drawn(tmp_path / "b.png", [RUNS[1], RUNS[0], RUNS[2]])).all()
    assert (picture != drawn(tmp_path / "c.png", RUNS[:2])).any()


def test_a_floor_is_drawn_where_all_have_the_same(tmp_path: Path) -> None:
    plain = drawn(tmp_path / "a.png", RUNS)
    with_floor = drawn(tmp_path / "b.png", RUNS, ("floor", "the floor"))
    assert plain.shape != with_floor.shape or (plain != with_floor).any()
    of_two = [*RUNS, record("c", 0, 0.4, 0.9, floor=0.35)]
    assert (drawn(tmp_path / "c.png", of_two) == drawn(tmp_path / "d.png", of_two, ("floor", "the floor"))).all()


@pytest.mark.parametrize("records", [[], [record("a", 0, 0.5, None)], [record("a", 0, 0.5, float("nan"))]])
def test_without_both_figures_there_is_no_plot(records: list[Record], tmp_path: Path) -> None:
    assert not plot_tradeoff(records, tmp_path / "a.png", "ssim", "success", "step")
    assert not (tmp_path / "a.png").exists()
