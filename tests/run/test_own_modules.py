"""A metric and a detector of the user's own: one module each, and nothing in the package knows of them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bdia_edm.api import Measuring, make_reference, measure
from bdia_edm.base.errors import UserError
from bdia_edm.detectors.loading import load
from bdia_edm.detectors.registry import DETECTORS, detector_option
from bdia_edm.engine.shards import Shard
from bdia_edm.fid import main
from bdia_edm.metrics.metric import METRICS, make_metrics, needs_of
from bdia_edm.metrics.reference import ReferenceStatistics
from bdia_edm.records.record import read_records
from bdia_edm.report.rows import group_records
from bdia_edm.report.tables import to_csv, to_markdown
from bdia_edm.run.encoders import Encoder
from bdia_edm.run.summary import describe_device, summarize
from bdia_edm.samplers.registry import make_sampler
from tests.foreign_images import made_pixels, write_npz

METRIC = '''
from bdia_edm.metrics.metric import METRICS, Metric

@METRICS.add("toy_share")
class Share(Metric):
    """The part of the images whose second class is the likelier."""

    name = "toy_share"
    needs = frozenset({"logits"})

    def compute(self, findings, reference, space):
        return {f"share_{space.name}": float((findings.logits.argmax(axis=1) == 1).mean())}
'''

DETECTOR = """
import torch
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.registry import DETECTORS, DetectorKind

class Brightness(Detector):
    name, num_features, num_logits, checksum = "toy_brightness", 1, 2, "1"

    def __call__(self, images):
        return images.flatten(1).to(torch.float32).mean(1, keepdim=True)

    def with_logits(self, images):
        features = self(images)
        return features, torch.cat([127.5 - features, features - 127.5], dim=1)

@DETECTORS.add("toy_brightness")
class Kind(DetectorKind):
    name = "toy_brightness"

    @classmethod
    def load(cls, path, sha256, shape, device):
        return Brightness()
"""

CPU = torch.device("cpu")
# Their brightness falls, so that the first hundred are bright and the others dark.
PIXELS = (made_pixels(150) // 8 + np.linspace(220, 0, 150)[:, None, None, None]).astype(np.uint8)
SHARE = float((PIXELS.reshape(150, -1).mean(1) > 127.5).mean())


@pytest.fixture
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both are imported by their names; afterwards the registries have forgotten them."""
    (tmp_path / "own_metric.py").write_text(METRIC)
    (tmp_path / "own_detector.py").write_text(DETECTOR)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("own_metric", "own_detector"):
        importlib.import_module(name)
    yield
    for registry, name in ((METRICS, "toy_share"), (DETECTORS, "toy_brightness")):
        registry._found.pop(name)
    for name in ("own_metric", "own_detector"):
        sys.modules.pop(name)


@pytest.mark.usefixtures("own_modules")
def test_they_show_in_the_record_and_in_the_table(tmp_path: Path) -> None:
    assert "toy_share" in METRICS.names()
    detector = load("toy_brightness", None, None, (1, 8, 8), CPU)
    metrics = make_metrics(["frechet", "toy_share"])
    assert needs_of(metrics, detector.name, detector.num_logits) == {"moments", "logits"}
    reference = ReferenceStatistics(np.array([100.0]), np.array([[50.0]]), "r")
    facts = {"model": "toy", "class_idx": None, "command": "c", "device": describe_device(CPU), "checksums": {}}
    samplers = [make_sampler("edm", {"num_steps": 3}), make_sampler("bdia", {"num_steps": 3, "gamma": 0.5})]
    for sampler, pixels in zip(samplers, (PIXELS, 255 - PIXELS), strict=True):
        folder = tmp_path / "runs" / sampler.name
        folder.mkdir(parents=True)
        seen = detector.with_logits(torch.from_numpy(pixels).permute(0, 3, 1, 2))
        features, logits = (values.numpy() for values in seen)
        summarize(
            [Shard(features, logits, pixels[:4], np.full(150, -1), 5 * 150, 1.0)],
            folder,
            seeds=range(150),
            sampler=sampler,
            encoders=[Encoder(detector, reference)],
            metrics=metrics,
            facts=facts,
        )
    records = read_records(tmp_path / "runs").good
    figures = {record["sampler"]["name"]: record["metrics"] for record in records}
    assert figures["edm"]["share_toy_brightness"] == SHARE
    assert set(figures["edm"]) == {"fd_toy_brightness", "share_toy_brightness"}
    text = to_markdown(group_records(records))
    assert "| share_toy_brightness | share_toy_brightness vs EDM at this NFE |" in text
    assert f"| {SHARE:.3f} |  |" in text
    assert f"| {1 - SHARE:.3f} | {1 - 2 * SHARE:+.3f} |" in text
    head = to_csv(group_records(records)).splitlines()[0].split(",")
    assert {"share_toy_brightness", "share_toy_brightness_difference"} <= set(head)


@pytest.mark.usefixtures("own_modules")
def test_other_programs_images_are_measured_by_them(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    plain = {"progress": False, "device": "cpu"}
    make_reference(tmp_path / "a.npz", tmp_path / "ref.npz", Measuring(detector="toy_brightness", **plain))
    # The reference names the detector, and the kind knows its name.
    assert detector_option("toy_brightness") == "toy_brightness"
    result = measure(tmp_path / "a.npz", tmp_path / "ref.npz", Measuring(metric=("toy_share", "frechet"), **plain))
    assert list(result["metrics"]) == ["share_toy_brightness", "fd_toy_brightness"]
    assert result["metrics"]["share_toy_brightness"] == SHARE
    shown = CliRunner().invoke(main, ["calc", "--help"]).stdout
    for name in ("toy_brightness", "toy_share"):
        assert name in shown


def test_without_their_modules_they_are_unknown() -> None:
    for registry, name in ((METRICS, "toy_share"), (DETECTORS, "toy_brightness")):
        with pytest.raises(UserError, match=f"={name}: must be one of"):
            registry[name]
