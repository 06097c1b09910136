"""Cards and options."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from omegaconf import OmegaConf

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import options_of
from bdia_edm.config.composing import compose_values
from bdia_edm.config.conf_folder import conf_folder, model_list
from bdia_edm.config.detector_card import detector_card
from bdia_edm.config.inversion_config import InversionOptions
from bdia_edm.config.model_kinds.gaussian_mixture import MixtureCard
from bdia_edm.config.model_kinds.network import NetworkCard
from bdia_edm.config.run_config import RunOptions, read_config
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
    "precision": "auto",
    "compile": "off",
    "workers": "auto",
    "results_dir": "runs",
    "save_images": "none",
    "keep_features": False,
    "metric": ["frechet"],
    "tracker": "none",
    "modules": [],
}


def test_a_config_is_read() -> None:
    config = read_config(CONFIG)
    assert config.model == NetworkCard(name="m", path="x")
    assert list(config.seeds) == list(range(10))
    assert config.source == CONFIG
    mixture = {"name": "g", "kind": "gaussian_mixture", "img_resolution": 2, "img_channels": 1}
    mixture |= {"components": 3, "seed": 4}
    assert read_config({**CONFIG, "model": mixture}).model == MixtureCard(
        name="g", img_resolution=2, img_channels=1, components=3, seed=4
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "model: missing; choose one with model=NAME"),
        ({"sampler": "edm"}, "sampler: missing; choose one with sampler=NAME"),
        ({"model": {"kind": "gan"}}, "model.kind=gan: must be one of gaussian_mixture, network"),
        ({"model": {"kind": "network", "name": "m"}}, "model.path: missing"),
        (
            {"detector": {"name": "clip"}},
            "detector=clip: must be one of digits, dinov2, inception, inception_clean, inception_nvidia, "
            "inception_pytorch_fid, inception_spatial, pixels, none",
        ),
        ({"detector": {"name": "pixels", "path": "x"}}, "detector.path=x: must be left out: pixels has no weights"),
        ({"detector": {"name": "dinov2"}}, "detector.path=null: must be a path or a URL"),
        ({"detector": {"name": "digits", "path": "x", "sha256": "12"}}, "detector.sha256=12: must be 64 hexadecimal"),
        ({"device": None}, "device=null: must be a text"),
        # As of results_dir=$OUT where OUT is not set.
        ({"results_dir": ""}, "results_dir=: must be a folder; '.' is this one"),
        ({"batch_size": "auto", "compile": "max"}, "batch_size=auto: must be a number with compile=max"),
        ({"color": "red"}, "color=red: unknown option; there are block_size, device, "),
    ],
)
def test_mistakes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        read_config({**CONFIG, **change})


def test_every_model_is_listed_and_every_sampler_has_a_config() -> None:
    models = model_list()
    assert {"digits", "file", "gaussian_mixture"} <= set(models)
    assert all(models.values())
    assert {path.stem for path in (conf_folder() / "sampler").glob("*.yaml")} == set(SAMPLERS.names())


@pytest.mark.parametrize(
    ("command", "kind", "others"), [("sample", RunOptions, {"seeds"}), ("invert", InversionOptions, {"inverse"})]
)
def test_conf_holds_the_options_and_their_defaults(command: str, kind: type, others: set[str]) -> None:
    """Every option can be set without a +, and the defaults are the code's, or the card's."""
    shown = {}
    for name in ("common", command):
        values = OmegaConf.to_container(OmegaConf.load(conf_folder() / f"{name}.yaml"))
        assert isinstance(values, dict)
        assert not set(shown) & (set(values) - {"defaults"})
        shown |= values
    options = {each.name: (each.default, facts.default_words) for each, facts in options_of(kind)}
    assert set(shown) == {*options, "defaults", *others}
    for name, (default, words) in options.items():
        if words:
            assert str(shown[name]).startswith("${model."), name
        else:
            assert shown[name] == (list(default) if isinstance(default, tuple) else default), name


PUBLISHED = {
    "cifar10": ("edm-cifar10-32x32-cond-vp", "cifar10-32x32", 1.79, 35),
    "cifar10_cond_ve": ("edm-cifar10-32x32-cond-ve", "cifar10-32x32", 1.79, 35),
    "cifar10_uncond_vp": ("edm-cifar10-32x32-uncond-vp", "cifar10-32x32", 1.97, 35),
    "cifar10_uncond_ve": ("edm-cifar10-32x32-uncond-ve", "cifar10-32x32", 1.98, 35),
    "ffhq": ("edm-ffhq-64x64-uncond-vp", "ffhq-64x64", 2.39, 79),
    "ffhq_ve": ("edm-ffhq-64x64-uncond-ve", "ffhq-64x64", 2.53, 79),
    "afhqv2": ("edm-afhqv2-64x64-uncond-vp", "afhqv2-64x64", 1.96, 79),
    "afhqv2_ve": ("edm-afhqv2-64x64-uncond-ve", "afhqv2-64x64", 2.16, 79),
    "imagenet64": ("edm-imagenet-64x64-cond-adm", "imagenet-64x64", 1.36, 511),
    "cifar10_baseline_vp": ("baseline/baseline-cifar10-32x32-uncond-vp", "cifar10-32x32", None, 35),
    "cifar10_baseline_ve": ("baseline/baseline-cifar10-32x32-uncond-ve", "cifar10-32x32", None, 35),
    "imagenet64_baseline": ("baseline/baseline-imagenet-64x64-cond-adm", "imagenet-64x64-baseline", None, 79),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_card_of_a_released_network(name: str) -> None:
    """What spec and paper say of it; EDM's sampler costs the published number of evaluations."""
    file, reference, fid, nfe = PUBLISHED[name]
    values = compose_values([f"+model={name}", "sampler=edm"])
    config = read_config(values)
    base = "https://nvlabs-fi-cdn.nvidia.com/edm"
    assert isinstance(config.model, NetworkCard)
    assert config.model.path == f"{base}/pretrained/{file}.pkl"
    assert config.model.reference == f"{base}/fid-refs/{reference}.npz"
    assert config.detector == detector_card("inception_nvidia")
    assert len(config.seeds) == 50_000
    assert 2 * config.sampler.num_steps - 1 == nfe
    published = values["model"].get("published", {})
    assert published.get("fid") == fid
    if published:
        # What tables hold a record against: the sampler that the card's settings make, and all that is not its default.
        options = {"name": "edm", **config.sampler.options()}
        assert {key: options[key] for key in published["options"]} == published["options"]
        told = {part.partition("=")[0] for part in config.sampler.label.split(" ")[1:]}
        assert told | {"name", "num_steps"} == set(published["options"])
        # As the card has them, and still the same where a run takes others.
        assert published["of"] == {"path": config.model.path, "reference": config.model.reference}
        other = compose_values([f"+model={name}", "model.path=mine.pkl", "model.reference=mine.npz"])
        assert other["model"]["published"]["of"] == published["of"]
        assert (published["nfe"], published["blocks"]) == (nfe, ["0-49999", "50000-99999", "100000-149999"])
    stochastic = {"S_churn": 40, "S_min": 0.05, "S_max": 50, "S_noise": 1.003}
    deterministic = {"S_churn": 0, "S_min": 0, "S_max": math.inf, "S_noise": 1}
    expected = stochastic if name == "imagenet64" else deterministic
    assert {option: getattr(config.sampler, option) for option in expected} == expected
    bdia = read_config(compose_values([f"+model={name}"])).sampler
    assert (bdia.num_steps, bdia.gamma, bdia.backward) == (18 if "cifar10" in name else 40, 0.1, "euler")
    assert [file.url for file in config.remote_files] == [config.model.path, config.model.reference, *DETECTOR_URLS]
    assert 33_570_816 < (config.model.reference_most_bytes or 0) < 40_000_000
    unmeasured = read_config(compose_values([f"+model={name}", "detector=none"]))
    assert [file.url for file in unmeasured.remote_files] == [config.model.path]


DETECTOR_URLS = [file.url for file in detector_card("inception_nvidia").remote_files]


def test_every_released_network_has_a_test() -> None:
    assert set(PUBLISHED) == set(model_list()) - {"digits", "file", "gaussian_mixture"}


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"^modules=no_such_thing: no such module; it must lie in this folder or where"):
        read_config({**CONFIG, "modules": ["no_such_thing"]})


def test_metrics_are_known_and_different() -> None:
    with pytest.raises(UserError, match=r"^metric=fid: must be one of fid_infinity, frechet"):
        read_config({**CONFIG, "metric": ["fid"]})
    with pytest.raises(UserError, match=r"^metric=frechet: stands there twice"):
        read_config({**CONFIG, "metric": ["frechet", "frechet"]})
    # One alone needs no brackets.
    assert read_config({**CONFIG, "metric": "frechet"}).metric == ("frechet",)
