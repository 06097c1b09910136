"""Cards of detectors; what is refused of them is in test_run_config too."""

from __future__ import annotations

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.detector_card import DetectorCard, detector_card, detector_names, listed_detectors


@pytest.mark.parametrize("name", detector_names())
def test_every_detector_has_a_card(name: str) -> None:
    card = detector_card(name)
    assert card.name == name
    assert (conf_folder() / "detector" / f"{name}.yaml").is_file()
    if card.path:
        assert detector_card(name, "other.pth") == DetectorCard(name, "other.pth")


def test_one_of_the_users_own_needs_no_card(toys: object) -> None:
    import tests.toys.toy_detector  # noqa: F401 - it makes itself known

    assert detector_card("toy") == DetectorCard("toy")
    assert "toy" in detector_names()
    assert "toy" in listed_detectors()


def test_the_helps_list_is_that_of_the_detectors() -> None:
    assert listed_detectors() == detector_names()


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (("nope",), "detector=nope: must be one of .*, none"),
        (("none", "a.pth"), "detector.path=a.pth: must be left out: none has no weights"),
        (("dinov2",), "detector.path=null: must be a path or a URL"),
        (("dinov2", "a.pth", "12"), "detector.sha256=12: must be 64 hexadecimal digits"),
    ],
)
def test_mistakes(card: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        DetectorCard(*card)
