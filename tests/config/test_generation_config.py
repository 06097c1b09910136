"""The options of many prompts' pictures: conf/ and the code agree, and what is wrong is one line."""

from __future__ import annotations

import re
from typing import Any

import pytest
from omegaconf import OmegaConf

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import options_of
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.generation_config import GenerationConfig, read_generation_config

CONFIG = {"pipeline": "sd", "prompts": "p.txt", "detector": {"name": "none"}}


def test_conf_holds_the_options_and_their_defaults() -> None:
    shown = OmegaConf.to_container(OmegaConf.load(conf_folder() / "generate.yaml"))
    assert isinstance(shown, dict)
    options = {each.name: each.default for each, _ in options_of(GenerationConfig)}
    assert set(shown) == {*options, "defaults"}
    for name, default in options.items():
        if name in ("pipeline", "prompts"):
            assert shown[name] == "???"
        elif name == "sampler":
            assert shown[name] == {"name": default}
        elif name == "references":
            assert (shown[name], default) == ({}, ())
        else:
            assert shown[name] == (list(default) if isinstance(default, tuple) else default), name


def test_what_decides() -> None:
    two = [{"name": "pixels"}, {"name": "digits", "path": "embedded:digits_detector.safetensors"}]
    given = {"detector": two, "reference": "a.npz", "references": {"digits": "b.npz"}, "seeds": "0-9"}
    config = read_generation_config({**CONFIG, **given})
    assert [config.reference_of(card) for card in config.detectors] == [
        ("reference", "a.npz"),
        ("references.digits", "b.npz"),
    ]
    assert (config.sampler, len(config.seeds or ())) == ("bdia", 10)
    decides = dict(config.deciding())
    assert {"sampler", "gamma", "guidance_scale", "detector.name", "detector digits.name"} <= set(decides)
    # Known by their checksums.
    assert not {"pipeline", "prompts", "clip", "reference", "references", "device", "workers"} & set(decides)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"sampler": {"name": "bdia", "gamma": 0.5}},
            "sampler.gamma: the options of a sampler stand alone here",
        ),
        ({"sampler": 3}, "sampler=3: must be the name of a sampler"),
        ({"guidence_scale": 3}, "guidence_scale=3: unknown option; there are"),
        ({"guidance_scale": -1}, "guidance_scale=-1.0: must be from 0 to 1000"),
        ({"gamma": 1.5}, "gamma=1.5: must be from 0 to 1"),
        ({"num_inference_steps": 0}, "num_inference_steps=0: must be from 1 to 1000"),
        ({"long_prompts": "cut"}, "long_prompts=cut: must be one of refuse, truncate"),
        ({"seeds": "9-1"}, "seeds=9-1: the range 9-1 is reversed"),
        ({"pipeline": " "}, "pipeline= : must be given"),
        ({"name": "a/b"}, "name=a/b: must be 1 to 100 printable characters"),
        ({"metric": ["ode_error"]}, "metric=ode_error: must be one of pictures alone"),
        ({"metric": ["nonsense"]}, "metric=nonsense: must be one of"),
        ({"references": {"nonsense": "x"}}, "references={nonsense: ...}: must be by the names of detectors"),
        ({"detector": {"name": "nonsense"}}, "detector=nonsense: must be one of"),
        ({"network_dtype": "int8"}, "network_dtype=int8: must be one of auto, float32"),
        ({"modules": ["no_such_module"]}, "modules=no_such_module: no such module"),
    ],
)
def test_mistakes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        read_generation_config({**CONFIG, **change})
