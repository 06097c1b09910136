"""The end of a run: pictures, metrics and the record from shards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.shards import Shard
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.metric import Metric, make_metrics
from bdia_edm.metrics.reference import ReferenceStatistics
from bdia_edm.records.record import Record, read_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.run.summary import describe_device, summarize
from bdia_edm.samplers.registry import make_sampler
from tests.metrics.test_metric import Confidence, Widest
from tests.metrics.test_statistics import made, statistics_of

FEATURES = made(100, 16)
REFERENCE = ReferenceStatistics(*statistics_of(made(500, 16, mean=1.0)).mean_and_covariance(), "checksum")
BDIA = make_sampler("bdia", {"num_steps": 3, "gamma": 0.25, "rho": 5})
FACTS = {
    "model": "toy",
    "class_idx": None,
    "detector": "pixels",
    "workers": 3,
    "command": "a command",
    "device": describe_device(torch.device("cpu")),
    "checksums": {"model": "x"},
    "config": {},
}


class Classes(PixelDetector):
    num_logits = 3


def shards(logits: int = 0) -> Iterator[Shard]:
    """In blocks of 40, 40 and 20."""
    for start, num in ((0, 40), (40, 40), (80, 20)):
        rows = FEATURES[start : start + num]
        preview = np.full((max(min(64 - start, num), 0), 4, 4, 1), start, np.uint8)
        yield Shard(rows.copy(), rows[:, :logits].copy(), preview, np.full(num, -1), 5 * num, num / 10)


def summed(folder: Path, metrics: Sequence[Metric], given: Iterator[Shard] | None = None, **changed: Any) -> Record:
    parts = {"sampler": BDIA, "detector": PixelDetector((1, 4, 4)), "reference": REFERENCE, "facts": FACTS, **changed}
    return summarize(given or shards(), folder, seeds=range(100), metrics=metrics, **parts)


def test_a_record_from_shards(tmp_path: Path) -> None:
    record = summed(tmp_path, make_metrics(["frechet"]))
    assert record == read_record(tmp_path)
    assert (record["nfe"], record["num_images"], record["device_seconds"], record["workers"]) == (5, 100, 10.0, 3)
    assert (record["images_per_second"], record["seeds"], record["model"]) == (10.0, "0-99", "toy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.png", "preview.npz", "record.json"]
    with np.load(RunFolder(tmp_path).preview) as preview:
        assert np.array_equal(preview["arr_0"][:, 0, 0, 0], [0] * 40 + [40] * 24)
        assert np.array_equal(preview["seeds"], range(64))


def test_the_sampler_says_how_it_is_called(tmp_path: Path) -> None:
    record = summed(tmp_path, [])
    assert record["sampler"] == {"name": "bdia", **BDIA.options()}
    labels = record["labels"]
    assert (labels["sampler"], labels["title"], labels["is_baseline"]) == ("bdia rho=5.0", "BDIA", False)
    assert (labels["columns"]["gamma"], labels["columns"]["backward"]) == (0.25, "euler")
    assert summed(tmp_path, [], sampler=make_sampler("edm", {"num_steps": 3}))["labels"]["is_baseline"]


def test_every_metric_has_its_figures_from_the_one_pass(tmp_path: Path) -> None:
    metrics: list[Metric] = [*make_metrics(["frechet"]), Widest(), Confidence()]
    figures = summed(tmp_path, metrics, shards(logits=3), detector=Classes((1, 4, 4)))["metrics"]
    assert list(figures) == ["fd_pixels", "widest_pixels", "confidence", "doubt"]
    assert figures["widest_pixels"] == float(np.linalg.norm(FEATURES, axis=1).max())
    assert figures["confidence"] == FEATURES[:, :3].max()
    assert figures["fd_pixels"] == summed(tmp_path, make_metrics(["frechet"]))["metrics"]["fd_pixels"]
    expected = frechet_distance(*statistics_of(FEATURES).mean_and_covariance(), REFERENCE.mean, REFERENCE.covariance)
    assert figures["fd_pixels"] == expected


def test_logits_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^metric=confidence: needs logits, and the detector pixels has none"):
        summed(tmp_path, [Confidence()])
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_measured_without_a_detector(tmp_path: Path) -> None:
    assert summed(tmp_path, make_metrics(["frechet"]), detector=None, reference=None)["metrics"] == {}


def test_one_shard_at_a_time(tmp_path: Path) -> None:
    """The next is asked for when the last one is forgotten, but for its few pictures."""
    alive: list[weakref.ref] = []

    def watched() -> Iterator[Shard]:
        for shard in shards():
            gc.collect()
            assert sum(reference() is not None for reference in alive) <= 1
            alive.append(weakref.ref(shard.features))
            yield shard

    summed(tmp_path, make_metrics(["frechet"]), watched())
    assert len(alive) == 3


def test_an_error_leaves_no_record(tmp_path: Path) -> None:
    def broken() -> Iterator[Shard]:
        yield next(shards())
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        summed(tmp_path, make_metrics(["frechet"]), broken())
    assert list(tmp_path.iterdir()) == []
