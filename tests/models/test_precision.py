"""The precisions that a network computes in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bdia_edm.models.layers import Conv2d, GroupNorm
from bdia_edm.models.precision import PRECISIONS, tensor_float_32
from bdia_edm.models.preconditioning import Preconditioning
from tests.references import build

NAMES = ["tiny-adm-cond", "tiny-song-vp-cond"]


def inputs(network: Preconditioning) -> tuple[Tensor, float, Tensor]:
    shape = (3, network.img_channels, network.img_resolution, network.img_resolution)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return x, 0.7, torch.eye(network.label_dim)[[2, 0, 1]]


@pytest.mark.parametrize("name", NAMES)
def test_float32_said_is_float32_by_default(name: str) -> None:
    network = build(name)
    assert torch.equal(network.in_precision("fp32")(*inputs(network)), network(*inputs(network)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("precision", "most"), [("bf16", 0.1), ("fp16", 0.01)])
def test_lower_precision_is_near(name: str, precision: str, most: float) -> None:
    """Within what eight and eleven bits of mantissa make of some thirty layers; the answer itself is float32."""
    network = build(name)
    expected, found = network(*inputs(network)), network.in_precision(precision)(*inputs(network))
    assert found.dtype == torch.float32
    assert 0 < (found - expected).abs().max() < most * expected.abs().max()


@pytest.mark.parametrize("name", NAMES)
def test_held_weights_are_those_cast_in_every_evaluation(name: str) -> None:
    network = build(name)
    held, cast = network.in_precision("bf16"), network.shared_copy()
    cast.precision = "bf16"
    assert torch.equal(held(*inputs(network)), cast(*inputs(network)))


def test_other_tensors_are_shared_and_the_network_stays_as_it_was() -> None:
    network = build("tiny-adm-cond")
    before = network(*inputs(network))
    other = network.in_precision("bf16")
    for (name, module), copied in zip(network.model.named_modules(), other.model.modules(), strict=True):
        for mine, its in zip(module.parameters(recurse=False), copied.parameters(recurse=False), strict=True):
            assert mine.dtype == torch.float32
            low = isinstance(module, Conv2d | GroupNorm)
            assert its.dtype == (torch.bfloat16 if low else torch.float32), name
            assert low or its is mine, name
    assert torch.equal(network(*inputs(network)), before)
    assert network.precision == "auto"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_embedding_is_float32_in_every_precision(precision: str) -> None:
    network = build("tiny-adm-cond").in_precision(precision)
    seen: dict[str, torch.dtype] = {}
    block = network.model.enc["16x16_block0"]
    block.affine.register_forward_pre_hook(lambda module, given: seen.update(embedding=given[0].dtype))
    block.norm1.register_forward_pre_hook(lambda module, given: seen.update(activations=given[0].dtype))
    network(*inputs(network))
    assert seen == {"embedding": torch.float32, "activations": PRECISIONS[precision]}


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    network = build("tiny-adm-cond").in_precision("bf16")
    x, sigma, labels = inputs(network)
    other = x.clone()
    other[1:] = 100 * other[1:].flip(0)
    assert torch.equal(network(x, sigma, labels)[0], network(other, sigma, labels)[0])


def test_tensorfloat_32_is_on_for_the_network_alone() -> None:
    network = build("tiny-song-vp-cond").in_precision("tf32")
    seen: list[tuple[bool, bool]] = []

    def flags() -> tuple[bool, bool]:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    before = flags()
    network.model.map_layer0.register_forward_pre_hook(lambda module, given: seen.append(flags()))
    network(*inputs(network))
    assert seen == [(True, True)]
    assert flags() == before
    with tensor_float_32():
        assert flags() == (True, True)
    assert flags() == before
