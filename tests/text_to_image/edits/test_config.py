"""The options of an edit of pictures: in conf/ and in the dataclasses, and what of them decides."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import options_of
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.yaml_files import load_yaml
from bdia_edm.text_to_image.edits.config import EditPicturesOptions, method_options, read_edit_pictures
from bdia_edm.text_to_image.method import METHODS
from tests.text_to_image.edits.pictures import values


def test_conf_and_the_dataclasses_say_the_same() -> None:
    conf = load_yaml(conf_folder() / "edit_pictures.yaml")
    assert conf.pop("defaults") == ["hydra_settings", "_self_"]
    own = {each.name: each.default for each in fields(EditPicturesOptions)}
    assert set(conf) == set(own) | set(method_options())
    assert {conf.pop(name) for name in method_options()} == {None}
    assert conf.pop("pipeline") == conf.pop("image") == "???"
    assert conf.pop("modules") == list(own["modules"])
    assert conf == {name: own[name] for name in conf}


def test_no_method_has_an_option_of_a_runs_name() -> None:
    assert not set(method_options()) & {each.name for each in fields(EditPicturesOptions)}
    for name in METHODS.names():
        assert set(METHODS[name].in_columns) <= {each.name for each, _ in options_of(METHODS[name])}


@pytest.mark.parametrize("method", METHODS.names())
def test_what_is_null_is_the_methods_own(method: str, tmp_path: Path) -> None:
    given = values(tmp_path, image="x.png", method=method, num_inference_steps=None, strength=None)
    config = read_edit_pictures(given)
    assert (config.num_steps, config.guidance, config.part) == tuple(METHODS[method].usual)
    assert config.way == METHODS[method]()
    typed = given | {"num_inference_steps": config.num_steps, "guidance_scale": config.guidance}
    assert dict(read_edit_pictures(typed).deciding()) == dict(config.deciding())


@pytest.mark.parametrize(
    "other",
    [
        {"gamma": 0.5},
        {"arithmetic": "grid", "gamma": 1.0},
        {"method": "ddim"},
        {"strength": 0.5},
        {"guidance_scale": 2.0},
        {"negative_prompt": "a"},
        {"state_dtype": "float32"},
        {"low_memory": True},
    ],
)
def test_what_can_change_a_figure_decides(other: dict[str, Any], tmp_path: Path) -> None:
    config, changed = (read_edit_pictures(values(tmp_path, image="x.png", **each)) for each in ({}, other))
    assert dict(config.deciding()) != dict(changed.deciding())


def test_paths_do_not_decide(tmp_path: Path) -> None:
    config = read_edit_pictures(values(tmp_path, image="x.png"))
    other = read_edit_pictures(values(tmp_path, image="y.png", pipeline="z", keep_inverted=True, workers=2))
    assert dict(config.deciding()) == dict(other.deciding())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "bdai"}, "method=bdai: must be one of bdia, ddim"),
        ({"method": "ddim", "gamma": 0.5}, "gamma: method=ddim has no such option; it is of bdia"),
        ({"gamma": 1.5}, "gamma=1.5: must be from 0 to 1"),
        ({"strength": 1.5}, "strength=1.5: must be above 0 and at most 1"),
        ({"strength": 0}, "strength=0.0: must be above 0"),
        ({"guidance_scale": -1.0}, "guidance_scale=-1.0: must be from 0"),
        ({"arithmetic": "grid"}, "gamma=0.94: must be 1 beside arithmetic=grid"),
        ({"image": []}, "image=[]: must be a picture, a list of pictures or a folder"),
        ({"indices": "1-0"}, "indices=1-0: the range 1-0 is reversed"),
        ({"network_dtype": "int8"}, "network_dtype=int8: must be one of auto"),
        ({"state_dtype": "float16"}, "state_dtype=float16: must be one of float64, float32"),
        ({"no_such": 1}, "no_such=1: unknown option"),
        (
            {"method": "negative_prompt", "negative_prompt": "x"},
            "negative_prompt=x: must be '' with method=negative_prompt",
        ),
    ],
)
def test_mistakes_are_one_line(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_edit_pictures(values(tmp_path, **({"image": "x.png"} | options)))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
