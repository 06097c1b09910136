"""The released CIFAR-10 network, all of it, from its pickle through Inception's architecture to the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bdia_edm import checkpoint
from tests.commands import run_here
from tests.references import describe
from tests.released_files import write_cifar10


def test_the_full_cifar10_network_by_the_offline_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "cache"))
    write_cifar10()
    # The weights are not the published ones, and the pinned checksum says so before anything is sampled.
    options = ["+model=cifar10", "detector=inception", f"results_dir={tmp_path / 'runs'}", "seeds=0-3"]
    refused = run_here(capsys, "sample", *options)
    assert refused.status == 2
    assert "inception-2015-12-05-6726825d.pth: sha256 is " in refused.err
    assert "pinned is 6726825d" in refused.err
    assert not (tmp_path / "runs").exists()

    done = run_here(capsys, "sample", *options, "detector.sha256=null", "sampler.num_steps=2")
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert (record["num_images"], record["nfe"], record["detector"]) == (4, 3, "inception")
    assert 0 < record["metrics"]["fid"] < float("inf")
    assert set(record["checksums"]) == {"model", "detector", "reference"}
    assert record["config"]["model"]["published"]["fid"] == 1.79

    url = record["config"]["model"]["path"]
    facts = json.loads(CliRunner().invoke(checkpoint.main, ["inspect", "--json", url]).stdout)
    assert facts["parameters"] == describe("edm-cifar10-32x32-cond-vp")["num_parameters"]
