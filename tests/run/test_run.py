"""What identifies a run: every option, but for those that say why not."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.api import GaussianMixture, Run, UserError, prepare
from bdia_edm.base.options import options_of
from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.config.inversion_config import InversionOptions
from bdia_edm.config.model_card import MODEL_KINDS
from bdia_edm.config.run_config import RunConfig, RunOptions
from bdia_edm.run import run as module
from bdia_edm.samplers.euler import EulerSampler
from bdia_edm.samplers.registry import SAMPLERS

MODEL = ("+model=gaussian_mixture", "model.reference_samples=100", "seeds=0-9")
# Where the next larger number or another of the texts is no legal other value.
OTHERS: dict[str, Any] = {"sigma_min": 0.01, "sigma_max": 40, "S_max": 50, "gamma": 0.25}
# As many levels as the card has steps.
OTHERS["t_steps"] = f"[{','.join(map(str, range(18, 0, -1)))}]"


def run_of(tmp_path: Path, *options: str) -> Run:
    where = [] if any(option.startswith("results_dir=") for option in options) else [f"results_dir={tmp_path}"]
    model = () if any(option.startswith("+model=") for option in options) else MODEL
    return prepare(*model, *where, *options)


def deciding_options() -> list[Any]:
    """(options of the run that it belongs to, option) for every option that may change a figure."""
    found = []
    for name in SAMPLERS.names():
        for each, facts in options_of(SAMPLERS[name]):
            if not facts.harmless:
                found.append(pytest.param((f"sampler={name}",), "sampler.", each, facts, id=f"{name}.{each.name}"))
    for each, facts in options_of(MODEL_KINDS["gaussian_mixture"]):
        if not facts.harmless and each.name != "reference":
            found.append(pytest.param((), "model.", each, facts, id=f"model.{each.name}"))
    for each, facts in options_of(RunOptions):
        if not facts.harmless and each.name not in ("class_idx", "metric"):
            found.append(pytest.param((), "", each, facts, id=each.name))
    return found


def another(name: str, kind: Any, now: Any, facts: Any) -> Any:
    if name in OTHERS:
        return OTHERS[name]
    if facts.one_of:
        return next(text for text in facts.one_of if text != now)
    if isinstance(now, bool):
        return str(not now).lower()
    if isinstance(now, int | float):
        return now + 1 if facts.takes(now + 1) else facts.low
    return f"{now}x"


@pytest.mark.parametrize(("before", "where", "each", "facts"), deciding_options())
def test_every_option_that_can_change_a_figure_changes_the_folder(
    before: tuple[str, ...], where: str, each: Any, facts: Any, tmp_path: Path
) -> None:
    if each.name == "arithmetic":
        before = (*before, "sampler.gamma=1")  # the grid is for that alone
    if each.name == "compile":
        before = ("+model=digits", "detector=none")  # the mixture is no network
    run = run_of(tmp_path, *before)
    owner = {"sampler.": run.config.sampler, "model.": run.config.model, "": run.config}[where]
    value = another(each.name, each.type, getattr(owner, each.name), facts)
    other = run_of(tmp_path, *before, f"{where}{each.name}={value}")
    assert other.folder != run.folder
    assert other.identity != run.identity


@pytest.mark.parametrize(
    ("options", "told", "title"),
    [
        (("sampler=edm",), "-edm-5steps-", "edm 5 steps"),
        (("sampler.gamma=0.1", "sampler.backward=trapezoid"), "-bdia-5steps-gamma0.1-trapezoid-", ""),
        (("sampler.gamma=0", "sampler.backward=heun"), "-gamma0-heun-", "bdia backward=heun gamma=0 5 steps"),
        (("sampler=edm", "sampler.S_churn=40", "sampler.S_min=1"), "-edm-5steps-S_churn40.0-S_min1.0-", ""),
        (
            ("sampler=ablation", "sampler.discretization=vp", "sampler.rho=3"),
            "-rho3.0-discretization_vp-",
            "ablation rho=3.0 discretization=vp 5 steps",
        ),
    ],
)
def test_folder_and_title_tell_what_differs(options: tuple[str, ...], told: str, title: str, tmp_path: Path) -> None:
    run = run_of(tmp_path, "sampler.num_steps=5", *options)
    assert told in run.folder.name
    assert title in run.title
    assert run.title.endswith(" 5 steps")


def test_whatever_a_sampler_says_the_folders_name_is_one(tmp_path: Path) -> None:
    class Strange(EulerSampler):
        @property
        def columns(self) -> dict[str, str | float]:
            return {"α": "a/b", "c d": "../x" * 99, "n": 1e-300}

    run = prepare(*MODEL, f"results_dir={tmp_path}", sampler=Strange(num_steps=2))
    assert re.fullmatch(r"gaussian_mixture-euler-2steps-n1e-300-ab(\.|\w|-)*-[0-9a-f]{12}", run.folder.name)
    assert run.folder.parent == tmp_path
    assert len(run.folder.name) < 140


def test_a_folder_of_an_earlier_version_is_gone_on_with(tmp_path: Path) -> None:
    run = run_of(tmp_path, "sampler.gamma=0.1")
    digest = run.folder.name.rpartition("-")[2]
    before = tmp_path / f"gaussian_mixture-bdia-{run.config.sampler.num_steps}steps-{digest}"
    before.mkdir()
    assert run_of(tmp_path, "sampler.gamma=0.1").folder == before
    assert run_of(tmp_path, "sampler.gamma=0.2").folder != before


def test_every_field_is_an_option_or_looked_at() -> None:
    """A field without words could be forgotten; model, sampler and detectors are walked through, source is the rest."""
    kinds = [*(SAMPLERS[name] for name in SAMPLERS.names()), *(MODEL_KINDS[name] for name in MODEL_KINDS.names())]
    for kind in (*kinds, DetectorCard, RunOptions):
        assert {each.name for each, _ in options_of(kind)} == {each.name for each in fields(kind)}, kind
    plain = {each.name for each in fields(RunConfig)} - {each.name for each, _ in options_of(RunConfig)}
    assert plain == {"model", "sampler", "detector", "more_detectors", "source"}


def test_the_harmless_ones_are_few_and_say_why() -> None:
    kinds = [MODEL_KINDS["network"], MODEL_KINDS["gaussian_mixture"], DetectorCard, RunOptions, InversionOptions]
    kinds += [SAMPLERS[name] for name in SAMPLERS.names()]
    harmless = {each.name for kind in kinds for each, facts in options_of(kind) if facts.harmless}
    assert harmless == {
        *("batch_size", "device", "workers", "results_dir", "save_images", "keep_features", "modules", "verbosity"),
        *("path", "sha256", "reference", "reference_sha256", "images", "most_bytes", "reference_most_bytes"),
        # The precision that it stands for is in the identity.
        *("reference_features", "references", "tracker", "precision"),
    }


@pytest.mark.parametrize(
    "change",
    [
        *("batch_size=1", "save_images=npz", "keep_features=true", "device=cpu", "workers=2", "results_dir=other"),
        "tracker=tensorboard",
    ],
)
def test_the_harmless_ones_change_nothing(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_of(tmp_path, change).folder.name == run_of(tmp_path).folder.name


@pytest.mark.parametrize("change", ["seeds=0-8", "metric=[]", "detector=none", "sampler=edm"])
def test_and_so_do_those_that_are_no_plain_value(change: str, tmp_path: Path) -> None:
    assert run_of(tmp_path, change).identity != run_of(tmp_path).identity


def test_every_deciding_option_is_in_the_identity(tmp_path: Path) -> None:
    """By name, of a network too: what is not in it says why in its words."""
    run = prepare("+model=digits", f"results_dir={tmp_path}", "seeds=0-9")
    held = set(json.loads(run.identity)["options"])
    owners = {
        "model.": run.config.model,
        "sampler.": run.config.sampler,
        "detector.": run.config.detector,
        "": RunConfig,
    }
    expected = {
        f"{where}{each.name}"
        for where, owner in owners.items()
        for each, facts in options_of(owner)
        if not facts.harmless
    }
    assert held == expected | {"model.kind", "sampler.name"}


def test_seeds_are_the_same_however_they_are_written(tmp_path: Path) -> None:
    assert run_of(tmp_path, "seeds='0-4,5-9'").folder == run_of(tmp_path).folder


def test_the_class_and_what_is_measured_are_in_it(tmp_path: Path) -> None:
    digits = ("+model=digits", f"results_dir={tmp_path}", "seeds=0-9")
    folders = {prepare(*digits, *more).folder for more in ((), ("class_idx=3",), ("class_idx=4",), ("detector=none",))}
    assert len(folders) == 4


def test_mixtures_of_other_shapes_are_other_runs(tmp_path: Path) -> None:
    """8x8x1 and 4x4x4 have the same dimension and so the same means."""
    one = run_of(tmp_path, "model.img_resolution=8", "model.img_channels=1")
    other = run_of(tmp_path, "model.img_resolution=4", "model.img_channels=4")
    # Their tables must not be compared either.
    assert one.checksums["model"] != other.checksums["model"]
    assert one.folder != other.folder


def test_another_arithmetic_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_of(tmp_path).folder
    monkeypatch.setattr(module, "ARITHMETIC", module.ARITHMETIC + 1)
    assert run_of(tmp_path).folder != before


def test_a_run_is_data(tmp_path: Path) -> None:
    """It has no deeds: what changes anything stands in run/finish.py."""
    run = run_of(tmp_path)
    assert dataclasses.replace(run, command="other").identity == run.identity
    assert not hasattr(run, "finish")
    assert all(each.default is MISSING for each in fields(Run) if each.name not in ("portable", "checked"))


def test_a_runs_parts_are_not_replaced(tmp_path: Path) -> None:
    """What came of other parts would lie under the checksums, and in the folder, of those it was prepared with."""
    run = run_of(tmp_path)
    others: dict[str, Any] = {
        "config": run_of(tmp_path, "sampler.num_steps=5").config,
        "denoiser": GaussianMixture(img_resolution=4),
        "encoders": (),
        "metrics": (),
        "checksums": {},
    }
    for name, other in others.items():
        with pytest.raises(UserError, match=r"^a run's parts cannot be replaced: .*; prepare\(\.\.\., denoiser=, "):
            dataclasses.replace(run, **{name: other})
