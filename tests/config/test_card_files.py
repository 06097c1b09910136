"""What is wrong in a card of the user's own is said with the card's file; settings that nothing takes are refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_config

OF_DIGITS = "defaults: [digits, _self_]\n"


def card(folder: Path, text: str, name: str = "model/mine") -> None:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def said(folder: Path, *options: str) -> str:
    with pytest.raises(UserError) as error:
        compose_config(options, folder)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("referense: x", "model.referense=x: unknown option; model takes name, reference, .*; did you mean reference"),
        ("1000: {a: 1}", "model.1000={'a': 1}: unknown option; model takes name, "),
        ("true: 1", "model.True=1: unknown option; "),
        ("sha256: 12", "model.sha256=12: must be 64 hexadecimal digits"),
        ("name: a/b", "model.name=a/b: must be 1 to 100"),
        ("kind: net", "model.kind=net: must be one of gaussian_mixture, network"),
        ("settings: {stochastic: {S_churn: 40}}", r"model.settings.stochastic=.*: unknown setting; there are .*edm, "),
        ("settings: {num_step: 5}", "model.settings.num_step=5: unknown setting; .*did you mean num_steps"),
        ("settings: {edm: {S_chrun: 5}}", "model.settings.edm.S_chrun=5: unknown setting; .*did you mean edm.S_churn"),
        # Of an option that no sampler leaves to the card, and of a sampler that has none.
        ("settings: {rho: 5}", "model.settings.rho=5: unknown setting"),
        ("settings: {bdia: {gamma: 0.2}}", "model.settings.bdia=.*: unknown setting"),
        ("settings: {gamma: 7}", "sampler.gamma=7.0: must be from 0 to 1"),
        ("settings: {num_steps: 1}", "sampler.num_steps=1: must be from 2 to 1000000"),
        ("settings: {batch_size: 0}", "batch_size=0: must be from 1 to"),
        ("settings: {gamma: '${nowhere}'}", "sampler.gamma: takes the value of nowhere, which is not there"),
        ("name: ${oc.env:NOT_THERE}", "model.name: does not resolve: .*NOT_THERE"),
    ],
)
def test_what_a_card_says_wrongly(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    card(tmp_path, f"{OF_DIGITS}{text}\n")
    assert re.match(f"model/mine.yaml: {message}", said(tmp_path, "+model=mine"))


def test_a_card_of_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that says it, not the one that was chosen."""
    monkeypatch.chdir(tmp_path)
    card(tmp_path, f"{OF_DIGITS}settings: {{gamma: 7, num_steps: 4}}\n", "model/base")
    card(tmp_path, "defaults: [base, _self_]\nsettings: {num_steps: 5}\n")
    assert said(tmp_path, "+model=mine").startswith("model/base.yaml: sampler.gamma=7.0: ")
    assert said(tmp_path, "+model=mine", "sampler.gamma=2").startswith("sampler.gamma=2.0: must be from 0 to 1")
    assert said(tmp_path, "+model=mine", "model.settings.gamma=3").startswith("sampler.gamma=3.0: must be from 0 to 1")


def test_a_card_that_misses_what_it_must_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # 'default' is no list of defaults: nothing of digits is there.
    card(tmp_path, "default: [digits, _self_]\n")
    assert said(tmp_path, "+model=mine").startswith(
        "model/mine.yaml: batch_size: takes the value of model.settings.batch_size, "
    )
    card(tmp_path, "defaults: [digitz, _self_]\n")
    assert said(tmp_path, "+model=mine").startswith("model/mine.yaml: its defaults list names model/digitz, and ")
    card(tmp_path, "defaults: [/detector@_global_.detector: nope, _self_]\n")
    assert said(tmp_path, "+model=mine").startswith("model/mine.yaml: detector=nope: unknown; there are digits, ")


def test_a_samplers_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    card(tmp_path, "defaults: [bdia, _self_]\ngama: 0.2\n", "sampler/mine")
    assert said(tmp_path, "+model=digits", "sampler=mine").startswith("sampler/mine.yaml: sampler.gama=0.2: unknown")


def test_settings_of_ones_own_sampler_are_taken(tmp_path: Path, toys: Path) -> None:
    """What a sampler's card takes of the model's may stand there, whatever its name."""
    card(tmp_path, f"{OF_DIGITS}settings: {{part: 0.25, toy: {{part: 1}}}}\n")
    sampler = (toys / "sampler" / "toy.yaml").read_text().replace("share: 0.9", "share: ${model.settings.part}")
    card(tmp_path, sampler, "sampler/mine")
    modules = "modules=[tests.toys.toy_sampler]"
    assert "model.settings.toy=" in said(tmp_path, "+model=mine", "sampler=mine", modules)
    card(tmp_path, f"{OF_DIGITS}settings: {{part: 0.25}}\n")
    assert compose_config(["+model=mine", "sampler=mine", modules], tmp_path).sampler.share == 0.25


def test_what_the_command_line_says_has_no_file() -> None:
    for option in ("+model.settings.stochastic.S_churn=5", "+model.settings.num_step=5"):
        assert said(None, "+model=digits", option).startswith("model.settings.")  # type: ignore[arg-type]
