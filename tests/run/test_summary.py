"""The end of a run; what a record holds is in test_runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bdia_edm.api import Run, prepare
from bdia_edm.engine.shards import Shard
from bdia_edm.records.record import read_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.run.summary import conclude


@pytest.fixture
def run(tmp_path: Path) -> Run:
    options = ("+model=gaussian_mixture", "model.reference_samples=500", "seeds=0-99", "block_size=40")
    prepared = prepare(*options, f"results_dir={tmp_path}", "sampler.num_steps=3")
    prepared.folder.mkdir()
    return prepared


def shards(run: Run) -> Iterator[Shard]:
    """Exact samples of the data, in blocks of 40, 40 and 20."""
    rng = np.random.default_rng(0)
    assert run.reference is not None
    for start, num in ((0, 40), (40, 40), (80, 20)):
        features = rng.multivariate_normal(run.reference.mean, run.reference.covariance, num).astype(np.float32)
        preview = np.full((max(min(64 - start, num), 0), 4, 4, 1), start, np.uint8)
        yield Shard(features, preview, np.full(num, -1), evaluations=5 * num, seconds=num / 10)


def test_a_record_from_shards(run: Run) -> None:
    record = conclude(run, shards(run), workers=3)
    assert record == read_record(run.folder)
    assert (record["nfe"], record["num_images"], record["seconds"], record["workers"]) == (5, 100, 10.0, 3)
    assert record["images_per_second"] == 10.0
    assert sorted(path.name for path in run.folder.iterdir()) == ["grid.png", "preview.npz", "record.json"]
    with np.load(RunFolder(run.folder).preview) as preview:
        assert np.array_equal(preview["arr_0"][:, 0, 0, 0], [0] * 40 + [40] * 24)
        assert np.array_equal(preview["seeds"], range(64))


def test_one_shard_at_a_time(run: Run) -> None:
    """The next is asked for when the last one is forgotten, but for its few pictures."""
    import gc
    import weakref

    alive: list[weakref.ref] = []

    def watched() -> Iterator[Shard]:
        for shard in shards(run):
            gc.collect()
            assert sum(reference() is not None for reference in alive) <= 1
            alive.append(weakref.ref(shard.features))
            yield shard

    conclude(run, watched(), workers=1)
    assert len(alive) == 3


def test_an_error_leaves_no_record(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Shard]:
        yield next(shards(run))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        conclude(run, broken(), workers=1)
    assert list(run.folder.iterdir()) == []
