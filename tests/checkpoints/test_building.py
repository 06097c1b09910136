"""Building what a file says: refused in one line, and before it costs anything."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
import torch
from torch import nn

from bdia_edm.checkpoints.building import MOST_TENSORS, build_empty, fill
from bdia_edm.models.preconditioning import PRECONDITIONINGS
from tests.references import build, describe

NAME = "tiny-song-vp-cond"
CLASS = "EDMPrecond"
KWARGS = describe(NAME)["init_kwargs"]
SHAPES = {name: tuple(values.shape) for name, values in build(NAME).state_dict().items()}


def refusal(shapes: dict[str, tuple[int, ...]] = SHAPES, class_name: str = CLASS, **changed: Any) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r".") as caught:
            build_empty(PRECONDITIONINGS, class_name, {**KWARGS, **changed}, shapes)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    return str(caught.value)


def test_what_fits_is_built_without_memory() -> None:
    network = build_empty(PRECONDITIONINGS, CLASS, {**KWARGS, "label_dropout": 0.1}, SHAPES)
    assert all(values.is_meta for values in network.parameters())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sigma_min": "x"}, "its argument sigma_min is 'x'; must be a number from 0 to"),
        ({"dropout": 2.0}, "its argument dropout is 2.0; must be a number from 0 to 1"),
        ({"channel_mult": [1] * 1_000_000, "num_blocks": 0}, "its argument channel_mult is [1, 1, "),
        ({"num_blocks": 900}, "blocks have only"),
        ({"M": 5}, "its arguments do not build EDMPrecond"),
        ({"model_channels": 32_768}, "the weights do not fit: its 'model.dec."),
    ],
)
def test_arguments(changed: dict[str, Any], words: str) -> None:
    assert words in refusal(**changed)


def test_weights() -> None:
    assert "its 'more' is (1,), and missing" in refusal({**SHAPES, "more": (1,)})
    assert "is missing, and (64,)" in refusal({k: v for k, v in SHAPES.items() if k != "model.map_layer0.bias"})
    assert "tensors; must be 10000 at most" in refusal({str(number): (1,) for number in range(MOST_TENSORS + 1)})
    assert "class 'Linear' is unknown; known are EDMPrecond" in refusal(class_name="Linear")


def test_classes_of_others_are_held_to_their_shapes() -> None:
    classes: dict[str, type[nn.Module]] = {"Linear": nn.Linear}
    kwargs = {"in_features": 2, "out_features": 3}
    assert build_empty(classes, "Linear", kwargs, {"weight": (3, 2), "bias": (3,)})
    with pytest.raises(ValueError, match="the weights do not fit"):
        build_empty(classes, "Linear", {**kwargs, "in_features": 10**12}, {"weight": (3, 2), "bias": (3,)})
    with pytest.raises(ValueError, match="its arguments do not build Linear"):
        build_empty(classes, "Linear", {"a": 1}, {})


def test_a_filled_network_has_the_files_values_in_memory_of_its_own() -> None:
    network = build(NAME)
    # Off any alignment but that of their type, as a file's tensors may lie.
    given = {}
    for name, values in network.state_dict().items():
        room = torch.empty(values.nbytes + 4, dtype=torch.uint8)[4:].view(values.dtype).reshape(values.shape)
        given[name] = room.copy_(values)
    filled = fill(build_empty(PRECONDITIONINGS, CLASS, KWARGS, SHAPES), given)
    for name, values in filled.state_dict().items():
        assert torch.equal(values, network.state_dict()[name])
        assert values.data_ptr() % 64 == 0
        assert values.data_ptr() != given[name].data_ptr()


def test_a_network_keeps_its_own_types() -> None:
    halves = {name: values.half() for name, values in build(NAME).state_dict().items()}
    filled = fill(build_empty(PRECONDITIONINGS, CLASS, KWARGS, SHAPES), halves)
    for name, values in filled.state_dict().items():
        assert values.dtype == torch.float32
        assert torch.equal(values, halves[name].float())


@pytest.mark.parametrize("fault", ["missing", "surplus", "misshapen"])
def test_weights_that_do_not_fill_it(fault: str) -> None:
    given = dict(build(NAME).state_dict())
    name = next(iter(given))
    if fault == "missing":
        del given[name]
    elif fault == "surplus":
        given["another"] = given[name]
    else:
        given[name] = given[name][:-1]
    with pytest.raises(RuntimeError, match=name if fault != "surplus" else "another"):
        fill(build_empty(PRECONDITIONINGS, CLASS, KWARGS, SHAPES), given)
