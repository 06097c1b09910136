"""Cards and options."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from bdia_edm.api import prepare
from bdia_edm.cards import PACKAGE, MixtureCard, NetworkCard, conf_folder, model_list, read_config
from bdia_edm.errors import UserError
from bdia_edm.samplers.registry import SAMPLERS

CONFIG: dict[str, Any] = {
    "model": {"name": "m", "kind": "network", "path": "x", "settings": {}, "description": ""},
    "sampler": {"name": "edm", "num_steps": 5},
    "detector": {"name": "none"},
    "seeds": "0-9",
    "class_idx": None,
    "batch_size": 1,
    "block_size": 1,
    "device": "cpu",
    "workers": "auto",
    "results_dir": "runs",
    "save_images": "none",
    "keep_features": False,
}


def test_a_config_is_read() -> None:
    config = read_config(CONFIG)
    assert config.model == NetworkCard("m", "x")
    assert config.seeds == tuple(range(10))
    assert config.source == CONFIG
    mixture = {"name": "g", "kind": "gaussian_mixture", "img_resolution": 2, "img_channels": 1}
    mixture |= {"components": 3, "seed": 4}
    assert read_config({**CONFIG, "model": mixture}).model == MixtureCard("g", 2, 1, 3, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "model: missing; choose one with model=NAME"),
        ({"sampler": "edm"}, "sampler: missing; choose one with sampler=NAME"),
        ({"model": {"kind": "gan"}}, "model.kind=gan: must be one of network, gaussian_mixture"),
        ({"model": {"kind": "network", "name": "m"}}, "model.path: missing"),
        ({"detector": {"name": "clip"}}, "detector=clip: must be one of digits, pixels, none"),
        ({"device": None}, "device=null: must be a text"),
        ({"color": "red"}, "color=red: unknown option; there are class_idx, batch_size, "),
    ],
)
def test_mistakes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        read_config({**CONFIG, **change})


def test_every_model_is_listed_and_every_sampler_has_a_config() -> None:
    models = model_list()
    assert {"digits", "file", "gaussian_mixture"} <= set(models)
    assert all(models.values())
    assert {path.stem for path in (conf_folder() / "sampler").glob("*.yaml")} == set(SAMPLERS)


@pytest.mark.parametrize("path", sorted((conf_folder() / "sampler").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_config_of_a_sampler_holds_its_options(path: Path) -> None:
    """Every option can be set without a +, and the defaults are the code's."""
    kind = SAMPLERS[path.stem]
    shown = OmegaConf.load(path)
    options = {field.name: field.default for field in fields(kind)}
    assert set(shown) == {"name", *options}
    sampler = prepare("+model=digits", f"sampler={path.stem}", "results_dir=/tmp", "detector=none").config.sampler
    for name, default in options.items():
        if name not in ("num_steps", "gamma", "backward"):
            assert getattr(sampler, name) == default, name


def test_conf_is_beside_the_package_here() -> None:
    assert conf_folder() == PACKAGE.parent / "conf"
