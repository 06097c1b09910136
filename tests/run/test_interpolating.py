"""Strips of a run whose images other processes inverted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bdia_edm.config.composing import compose_values
from bdia_edm.run import interpolating
from bdia_edm.run.finish import finish
from bdia_edm.run.interpolating import write_strips
from bdia_edm.run.kinds import KINDS


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_network_between_is_in_the_runs_precision(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["+model=digits", "indices=0-1", "sampler=bdia", "sampler.num_steps=3", f"precision={precision}"]
    kind = KINDS["invert"]
    run = kind.prepare(kind.read(compose_values([*words, f"results_dir={tmp_path}"], command="invert")), "")
    finish(run, lambda line: None)
    used: list[Any] = []
    interpolate = interpolating.interpolate

    def seen(denoiser: Any, *rest: Any) -> Any:
        used.append(denoiser)
        return interpolate(denoiser, *rest)

    monkeypatch.setattr(interpolating, "interpolate", seen)
    here = write_strips(run, 3)
    # As where the run's own network is on another device than the one that the images were made on.
    monkeypatch.setattr(interpolating, "choose_device", lambda name: torch.device("cpu:0"))
    assert write_strips(run, 3) == here
    own, loaded = used
    assert own is run.denoiser
    assert {each.dtype for each in loaded.parameters()} == {each.dtype for each in own.parameters()}
