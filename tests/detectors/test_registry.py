"""The kinds of detectors, found by their modules."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import options_named
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.detectors.registry import DETECTORS, detector_option


def test_every_kind_has_a_card_and_every_card_a_kind() -> None:
    cards = {path.stem: OmegaConf.load(path) for path in (conf_folder() / "detector").glob("*.yaml")}
    assert cards.pop("none") == {"name": "none"}
    # Those of other tests' modules aside.
    ours = [name for name in DETECTORS.names() if DETECTORS[name].__module__.startswith("bdia_edm.")]
    assert sorted(cards) == ours
    for name, card in cards.items():
        kind = DETECTORS[name]
        assert kind.name == card["name"] == name
        assert ("path" in card) == kind.takes_file
        assert not kind.needs_sha256 or card["sha256"] is not None


def test_what_to_type_for_a_detector_that_a_reference_names() -> None:
    assert {name: detector_option(name) for name in DETECTORS.names() if name != "dinov2"} == {
        name: name for name in DETECTORS.names() if name != "dinov2"
    }
    assert detector_option("dinov2_vits14") == detector_option("dinov2_64") == "dinov2"
    # No detector is called so: the size is missing.
    assert detector_option("dinov2") is None
    assert detector_option("clip") is None


@pytest.mark.parametrize("name", ["inception", "inception_nvidia", "dinov2"])
def test_networks_for_photographs_take_grey_and_rgb(name: str) -> None:
    for channels in (1, 3):
        DETECTORS[name].check_shape((channels, 32, 32))
    refused = rf"^--detector={name}: takes grey and RGB images, and these have 4 channels"
    with pytest.raises(UserError, match=refused), options_named(lambda option: f"--{option}"):
        DETECTORS[name].check_shape((4, 32, 32))


def test_an_unknown_kind_is_told_the_known_ones() -> None:
    with pytest.raises(
        UserError, match=r"^detector=none: must be one of digits, dinov2, inception, inception_clean, inception_nvid"
    ):
        DETECTORS["none"]
