"""What was probably meant."""

from __future__ import annotations

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.config.composing import compose_values
from bdia_edm.config.run_config import read_config
from bdia_edm.samplers.registry import SAMPLERS


def test_the_nearest_or_none() -> None:
    known = ["gamma", "S_churn", "num_steps"]
    assert did_you_mean("gama", known) == "; did you mean gamma?"
    assert did_you_mean("s_Churn", known) == "; did you mean S_churn?"
    assert did_you_mean("colour", known) == did_you_mean("gama", []) == ""


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("sampler.gama=0.1", "sampler.gamma"),
        ("+sampler.gama=0.1", "gamma"),
        ("sampler.numsteps=3", "sampler.num_steps"),
        ("batchsize=3", "batch_size"),
        ("+batchsize=3", "batch_size"),
        ("sed=0-9", "seeds"),
        ("model.reference_sha=null", "model.reference_sha256"),
        ("detector.paht=x", "detector.path"),
        ("sampler=eulr", "euler"),
        ("detector=incepton", "inception"),
        ("metric=[frechett]", "frechet"),
    ],
)
def test_wherever_a_name_is_unknown(option: str, meant: str) -> None:
    with pytest.raises(UserError, match=rf"; did you mean {meant}\?$"):
        read_config(compose_values(["+model=digits", option]))


def test_a_part_that_is_unknown() -> None:
    with pytest.raises(UserError, match=r"^sampler=bdai: must be one of .*; did you mean bdia\?$"):
        SAMPLERS["bdai"]
