"""A network's arguments: what released checkpoints have is taken, and what an argument cannot be is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from bdia_edm.models.arguments import ARGUMENTS, check_arguments, try_shapes
from bdia_edm.models.preconditioning import PRECONDITIONINGS
from tests.references import CHECKPOINTS, describe

TINY = {"img_resolution": 8, "img_channels": 1, "model_channels": 16, "channel_mult": [1, 2], "num_blocks": 1}
WRONG = ("x", "0.002", None, {}, [], [[1]], math.nan, -1, -math.inf, 1e300, 10**30, 2.5, True, 5000, "\x1b[2J\n")
RIGHT: dict[str, list[Any]] = {
    "label_dim": [0, 10],
    "use_fp16": [True],
    "sigma_min": [0, 0.002, 80],
    "sigma_max": [80, math.inf],
    "dropout": [0, 0.13, 1],
    "label_dropout": [0.1],
    "channel_mult": [[1, 2, 3, 4]],
    "attn_resolutions": [[], [16]],
    "resample_filter": [[1, 3, 3, 1]],
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_what_an_argument_cannot_be(name: str) -> None:
    refused = 0
    for value in WRONG:
        if ARGUMENTS[name].takes(value):
            continue
        with pytest.raises(ValueError, match=rf"^its argument {name} is .*; must be ") as caught:
            check_arguments({name: value})
        assert str(caught.value).isprintable()
        refused += 1
    # A number from 0 up takes three of them; no argument takes texts, nothing, dicts, lists of lists, and no number.
    assert refused >= 9
    for value in RIGHT.get(name, []):
        check_arguments({name: value})


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_released_networks_pass(name: str) -> None:
    check_arguments(describe(name)["init_kwargs"])


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(ValueError, match=r"^its argument 'a\\nb' is unknown; there are img_resolution, "):
        check_arguments({"a\nb": 1})


def on_meta(class_name: str = "EDMPrecond", **changed: Any) -> torch.nn.Module:
    with torch.device("meta"):
        return PRECONDITIONINGS[class_name](**{**TINY, **changed})


@pytest.mark.parametrize("class_name", PRECONDITIONINGS)
@pytest.mark.parametrize("model_type", ["SongUNet", "DhariwalUNet"])
def test_parts_that_fit(class_name: str, model_type: str) -> None:
    try_shapes(on_meta(class_name, model_type=model_type, label_dim=3))


@pytest.mark.parametrize(
    "changed",
    [
        {"img_resolution": 7},
        {"channel_mult": [1, 1, 1, 1, 1]},
        {"resample_filter": [1, 2, 1]},
        {"model_channels": 34, "channel_mult": [1]},
        {"model_type": "DhariwalUNet", "model_channels": 200, "channel_mult": [1], "attn_resolutions": [8]},
    ],
)
def test_parts_that_do_not_fit_together(changed: dict[str, Any]) -> None:
    """Each is in its range, and would end in PyTorch's words at the first image."""
    check_arguments(changed)
    with pytest.raises(ValueError, match=r"^its (parts do not fit together|output has the shape)"):
        try_shapes(on_meta(**changed))


@pytest.mark.parametrize("model_channels", [12, 36, 66, 130])
@pytest.mark.parametrize("model_type", ["SongUNet", "DhariwalUNet"])
@pytest.mark.parametrize("resolution", [6, 8, 10])
def test_the_trial_says_what_an_image_meets(model_type: str, resolution: int, model_channels: int) -> None:
    """The trial has no image in it; it passes where one goes through, and only there."""
    changed = {"model_type": model_type, "img_resolution": resolution, "model_channels": model_channels}
    changed |= {"channel_mult": [1, 1, 1], "attn_resolutions": [8, 3]}
    network = PRECONDITIONINGS["EDMPrecond"](**{**TINY, **changed}).eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 1, resolution, resolution), 1.0)
    except RuntimeError:
        with pytest.raises(ValueError, match="do not fit together"):
            try_shapes(on_meta(**changed))
    else:
        try_shapes(on_meta(**changed))


def test_noise_levels_that_are_no_range() -> None:
    with pytest.raises(ValueError, match=r"its noise levels, from 80 to 0.002, are no range"):
        try_shapes(on_meta(sigma_min=80.0, sigma_max=0.002))


def test_training_s_arguments_change_nothing() -> None:
    """Of dropouts evaluation takes none."""
    for model_type in ("SongUNet", "DhariwalUNet"):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            plain = PRECONDITIONINGS["EDMPrecond"](**TINY, model_type=model_type).eval()
        dropping = PRECONDITIONINGS["EDMPrecond"](**TINY, model_type=model_type, label_dropout=0.9, dropout=0.9).eval()
        dropping.load_state_dict(plain.state_dict())
        x = torch.ones(1, 1, 8, 8)
        assert torch.equal(plain(x, 0.5), dropping(x, 0.5))
