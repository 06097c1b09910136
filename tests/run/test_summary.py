"""The end of a run: pictures, metrics and the record from shards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from bdia_edm.metrics.uncertainty import uncertainty_of
from bdia_edm.records.record import Record, read_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.uncertainty import read_uncertainty
from bdia_edm.run.encoders import Encoder
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
    detector = changed.pop("detector", PixelDetector((1, 4, 4)))
    encoders = [] if detector is None else [Encoder(detector, REFERENCE)]
    parts = {"sampler": BDIA, "encoders": encoders, "facts": FACTS, **changed}
    return summarize(given or shards(), folder, metrics=metrics, **{"seeds": range(100), **parts})


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
    assert summed(tmp_path, make_metrics(["frechet"]), detector=None)["metrics"] == {}


def test_the_uncertainty_of_the_distance_is_kept(tmp_path: Path) -> None:
    record = summed(tmp_path, make_metrics(["frechet"]), again=shards)
    assert record == read_record(tmp_path)
    moments = statistics_of(FEATURES).mean_and_covariance()
    expected = uncertainty_of([FEATURES], 100, *moments, REFERENCE)
    kept = read_uncertainty(tmp_path)
    assert kept is not None
    assert (kept.seeds, [*kept.distances]) == ("0-99", ["fd_pixels"])
    found = kept.distances["fd_pixels"]
    assert (found.distance, found.num_features) == (record["metrics"]["fd_pixels"], 16)
    assert np.array_equal(found.influence, expected.influence)
    assert np.array_equal(found.without_group, expected.without_group)
    error = expected.standard_error(found.distance)
    assert record["uncertainty"] == {"fd_pixels": {"standard_error": error, "method": "jackknife"}}
    plain = summed(tmp_path, make_metrics(["frechet"]))
    assert plain["metrics"] == record["metrics"]
    assert "uncertainty" not in plain


@pytest.mark.parametrize("case", ["no distance", "no detector", "few"])
def test_what_has_no_uncertainty(case: str, tmp_path: Path) -> None:
    changed: dict[str, Any] = {"detector": None} if case == "no detector" else {}
    metrics: list[Metric] = [Widest()] if case == "no distance" else make_metrics(["frechet"])
    given = [next(shards())] if case == "few" else None
    seeds = range(39) if case == "few" else range(100)
    if given:
        (one,) = given
        given = [replace(one, features=one.features[:39], labels=one.labels[:39])]
    record = summed(tmp_path, metrics, iter(given) if given else None, again=shards, seeds=seeds, **changed)
    assert "uncertainty" not in record
    assert not RunFolder(tmp_path).uncertainty.exists()


def test_one_shard_at_a_time(tmp_path: Path) -> None:
    """The next is asked for when the last one is forgotten, but for its few pictures."""
    alive: list[weakref.ref] = []

    def watched() -> Iterator[Shard]:
        for shard in shards():
            gc.collect()
            assert sum(reference() is not None for reference in alive) <= 1
            alive.append(weakref.ref(shard.features))
            yield shard

    summed(tmp_path, make_metrics(["frechet"]), watched(), again=watched)
    assert len(alive) == 2 * 3


def test_an_error_leaves_no_record(tmp_path: Path) -> None:
    def broken() -> Iterator[Shard]:
        yield next(shards())
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        summed(tmp_path, make_metrics(["frechet"]), broken())
    assert list(tmp_path.iterdir()) == []
