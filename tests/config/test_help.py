"""--help: what there is to choose and every option, from the places where they are written."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from bdia_edm.base.options import options_of
from bdia_edm.config.conf_folder import model_list
from bdia_edm.config.detector_card import DetectorCard, detector_names
from bdia_edm.config.help import describe_options
from bdia_edm.config.model_card import MODEL_KINDS
from bdia_edm.config.run_config import RunConfig
from bdia_edm.metrics.metric import METRICS
from bdia_edm.samplers.registry import SAMPLERS
from tests.commands import run_here


@pytest.mark.parametrize("command", ["sample", "compare"])
def test_everything_is_there(command: str, capsys: pytest.CaptureFixture) -> None:
    status, out, err = run_here(capsys, command, "--help")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 130
    for name in (*model_list(), *SAMPLERS.names(), *detector_names(), *METRICS.names(), *MODEL_KINDS.names()):
        assert name in out
    kinds = [(SAMPLERS[name], "sampler.") for name in SAMPLERS.names()]
    kinds += [(MODEL_KINDS[name], "model.") for name in MODEL_KINDS.names()]
    for kind, where in [*kinds, (DetectorCard, "detector."), (RunConfig, "")]:
        for each, facts in options_of(kind):
            assert f"  {where}{each.name}=  {facts.words.split()[0]}" in out, each.name
    assert out.count("  sampler.num_steps=") == 1
    assert f"  python -m bdia_edm.{command} +model=digits\n" in out


def test_an_option_is_told_whole() -> None:
    lines = list(describe_options(RunConfig, ""))
    at = next(place for place, line in enumerate(lines) if line.startswith("  save_images="))
    assert " ".join(line.strip() for line in lines[at : at + 2]).endswith("; one of none, npz, png; default none")
    (line,) = [line for line in lines if line.startswith("  block_size=")]
    assert line.endswith("; from 1 to 1000000; default 500")


def test_every_option_has_words() -> None:
    for name in SAMPLERS.names():
        found = {each.name: facts for each, facts in options_of(SAMPLERS[name])}
        assert set(found) == {each.name for each in fields(SAMPLERS[name])}
        assert all(facts.words and not facts.words.endswith(".") for facts in found.values())


def test_ones_own_are_listed(capsys: pytest.CaptureFixture, toys: Path) -> None:
    modules = "modules=[tests.toys.toy_sampler,tests.toys.toy_metric,tests.toys.toy_detector,tests.toys.toy_model]"
    out = run_here(capsys, "sample", "--help", f"--config-dir={toys}", modules).out
    for text in (
        "images of one grey",
        "sampler=toy: Euler's method",
        "sampler.share=",
        "model.level=",
        "detector=NAME",
    ):
        assert text in out
    assert "toy" in out.partition("detector=NAME or [NAME,...], of ")[2].partition("detector.name=")[0]
