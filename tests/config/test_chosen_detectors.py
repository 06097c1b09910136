"""detector=[a,b]: each card its own, from the command line and from experiments."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_config

MODEL = "+model=digits"


@pytest.mark.parametrize(
    ("chosen", "names"),
    [("[digits,pixels]", ["digits", "pixels"]), ("[pixels]", ["pixels"]), ("pixels", ["pixels"]), ("none", [])],
)
def test_each_card_is_its_own(chosen: str, names: list[str]) -> None:
    config = compose_config([MODEL, f"detector={chosen}"])
    assert [card.name for card in config.detectors] == names
    for card in config.detectors:
        assert card == compose_config([MODEL, f"detector={card.name}"]).detector


def test_the_identity_knows_all_of_them() -> None:
    one, several, turned = (
        dict(compose_config([MODEL, f"detector={chosen}"]).deciding())
        for chosen in ("digits", "[digits,pixels]", "[pixels,digits]")
    )
    assert one.items() < several.items()
    assert several != turned


def test_a_card_of_ones_own_among_them(tmp_path: Path) -> None:
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector/mine.yaml").write_text("name: inception\npath: mine.pth\nsha256: null\n")
    config = compose_config([MODEL, "detector=[digits,mine]", "+model.references={inception: a.npz}"], tmp_path)
    assert [(card.name, card.path) for card in config.detectors][1] == ("inception", "mine.pth")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["detector=[digits,digits]"], r"^detector=\[digits,digits\]: digits stands there twice$"),
        (["detector=[digits,none]"], r"^detector=\[digits,none\]: must be none, or some without it$"),
        (["detector=[digits,nope]"], r"^detector=\[digits,nope\]: nope is unknown; there are "),
        (["detector=[digits,pixels]", "detector.path=a.pth"], r"^detector\.path=a\.pth: does not say of which of "),
    ],
)
def test_what_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose_config([MODEL, *words])
