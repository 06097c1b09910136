"""Several detectors in one run: each one's figures are those of a run with it alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bdia_edm.api import finish, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.metrics.metric import make_metrics
from bdia_edm.metrics.reference import ReferenceStatistics
from bdia_edm.records.record import Record
from bdia_edm.records.uncertainty import KeptUncertainty, read_uncertainty
from bdia_edm.run.encoders import Encoder, Measurement, metrics_of, together
from bdia_edm.run.run import Run
from tests.detectors.test_side_by_side import Means

OPTIONS = ("+model=digits", "seeds=0-59", "sampler=edm", "sampler.num_steps=2", "block_size=25")
METRICS = "metric=[frechet,kid,inception_score]"


def done(folder: Path, *options: str) -> tuple[Run, Record]:
    run = prepare(*OPTIONS, f"results_dir={folder}", *options)
    return run, finish(run, str)


def kept(run: Run) -> KeptUncertainty:
    found = read_uncertainty(run.folder)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Record]:
    return done(tmp_path_factory.mktemp("runs"), "detector=[digits,pixels]", METRICS)


@pytest.mark.parametrize("name", ["digits", "pixels"])
def test_figures_are_those_of_each_alone(name: str, both: tuple[Run, Record], tmp_path: Path) -> None:
    metrics = METRICS if name == "digits" else "metric=[frechet,kid]"
    run, record = done(tmp_path, f"detector={name}", metrics)
    together_run, together_record = both
    assert record["metrics"].items() <= together_record["metrics"].items()
    assert record["uncertainty"].items() <= together_record["uncertainty"].items()
    own, shared = kept(run).distances, kept(together_run).distances
    for figure, each in own.items():
        assert np.array_equal(each.influence, shared[figure].influence)
        assert np.array_equal(each.without_group, shared[figure].without_group)


def test_what_the_record_says(both: tuple[Run, Record]) -> None:
    run, record = both
    assert record["distances"] == {"digits": "fd_digits", "pixels": "fd_pixels"}
    assert record["detector"] == "digits"
    assert {name for name in record["metrics"] if name.startswith("inception_score")} == {
        "inception_score_digits",
        "inception_score_digits_deviation",
    }
    assert record["higher_is_better"] == ["inception_score_digits"]
    checksums = record["checksums"]
    assert checksums["detector pixels"] == run.encoders[1].detector.checksum
    assert checksums["reference pixels"] == run.encoders[1].reference.checksum
    assert len(record["config"]["detector"]) == 2


def test_one_of_them_is_another_run(both: tuple[Run, Record], tmp_path: Path) -> None:
    folders = {
        prepare(*OPTIONS, METRICS, f"results_dir={tmp_path}", f"detector={chosen}").folder.name
        for chosen in ("digits", "[digits,pixels]", "[pixels,digits]")
    }
    assert len(folders) == 3
    assert both[0].folder.name in folders


def test_a_reference_that_there_is_not(tmp_path: Path) -> None:
    words = ("+model=digits", "seeds=0-9", f"results_dir={tmp_path}")
    with pytest.raises(
        UserError, match=r"^model\.reference=embedded:digits_reference\.npz: made with the detector dig"
    ):
        prepare(*words, "detector=[digits,inception]")
    with pytest.raises(UserError, match=r"^model\.references\.pixels=no\.npz: no such file"):
        prepare(*words, "detector=[digits,pixels]", "model.references.pixels=no.npz")


def test_metrics_go_where_they_can() -> None:
    """Those without features once; those with logits where there are some."""
    nothing = ReferenceStatistics(np.zeros(1), np.zeros((1, 1)), "r")
    encoders = [Encoder(Means(), nothing), Encoder(Means(), nothing)]
    with pytest.raises(UserError, match=r"^detector=means: gives fd_means, as another detector does$"):
        Measurement(encoders, make_metrics(["frechet"]))
    chosen = metrics_of(encoders, make_metrics(["frechet", "ode_error", "inception_score"]))
    assert [[metric.name for metric in each] for each in chosen] == [
        ["frechet", "ode_error", "inception_score"],
        ["frechet", "inception_score"],
    ]
    assert together([]) is None
    assert together(encoders[:1]) is encoders[0].detector
    assert Measurement([], []).found().figures == {}


def test_a_samplers_own_error(tmp_path: Path) -> None:
    """In a run on the mixture: fewer steps are farther from the ODE's solution, and churn has none."""
    options = ("+model=gaussian_mixture", "seeds=0-19", "metric=[ode_error]", f"results_dir={tmp_path}", "sampler=edm")
    records = [finish(prepare(*options, f"sampler.num_steps={num}"), str) for num in (6, 12)]
    coarse, fine = (record["metrics"]["ode_rms"] for record in records)
    assert coarse > 4 * fine > 0
    assert [record["nfe"] for record in records] == [11, 23]
    assert records[0]["uncertainty"]["ode_rms"]["method"] == "influence"
    with pytest.raises(
        UserError, match=r"^metric=ode_error: is of samplers that draw no noise; take sampler.S_churn=0, or"
    ):
        prepare(*options, "sampler.num_steps=6", "sampler.S_churn=5")
