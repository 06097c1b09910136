"""A compiled network against the plain one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bdia_edm.base.errors import UserError
from bdia_edm.engine.batch import sample_images
from bdia_edm.engine.compiled import Compiled, require_compiler
from bdia_edm.engine.precision import describe_precision
from bdia_edm.models.preconditioning import EDMPrecond
from bdia_edm.samplers.registry import make_sampler

EDM = make_sampler("edm", {"num_steps": 3})


def small() -> EDMPrecond:
    """As few layers as a network may have, with random weights of the size of trained ones."""
    torch.manual_seed(0)
    options = {"model_channels": 8, "channel_mult": [1], "num_blocks": 1, "attn_resolutions": [], "dropout": 0.0}
    network = EDMPrecond(img_resolution=4, img_channels=1, label_dim=3, **options)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network.eval().requires_grad_(False)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that the inner network is given; instead of being compiled it is left as it is."""
    seen: list[int] = []

    def note(module: nn.Module, **how: Any) -> None:
        assert (how["fullgraph"], how["dynamic"]) == (True, False)
        module.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))

    monkeypatch.setattr(nn.Module, "compile", note)
    return seen


def test_it_is_the_plain_one_within_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    # In this process: starting others takes longer than so small a network.
    monkeypatch.setattr(importlib.import_module("torch._inductor.config"), "compile_threads", 1)
    network = small()
    compiled = Compiled(network, "default", 4)
    plain, _, nfe = sample_images(network, EDM, range(4))
    images, _, same = sample_images(compiled, EDM, range(4))
    short, _, _ = sample_images(compiled, EDM, range(3))
    torch.testing.assert_close(images, plain, atol=1e-4, rtol=1e-4)
    assert nfe == same
    # The batch that is short is filled up: the same graph, and so the same bits.
    assert torch.equal(short, images[:3])


def test_short_batches_are_filled_up_and_cut(sizes: list[int]) -> None:
    network = small()
    compiled = Compiled(network, "default", 5)
    x, sigma, labels = torch.randn(3, 1, 4, 4), torch.tensor([0.1, 1.0, 7.0]), torch.eye(3)
    for given in (0.7, sigma, sigma[0]):
        for classes in (labels, None, network.embed_classes(labels)):
            found = compiled(x, given, classes)
            torch.testing.assert_close(found, network(x, given, classes), atol=1e-5, rtol=1e-5)
    one = compiled(x[:1], 0.7, network.embed_classes(labels[:1]))
    torch.testing.assert_close(one, network(x[:1], 0.7, labels[:1]), atol=1e-5, rtol=1e-5)
    assert set(sizes) == {5}


def test_after_a_halved_batch_the_size_is_halved(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = Compiled(small(), "max", 8)
    forward: Callable[..., Tensor] = compiled.network.forward

    def small_memory(x: Tensor, *others: Any) -> Tensor:
        if len(x) > 4:
            raise torch.OutOfMemoryError("no more")
        return forward(x, *others)

    monkeypatch.setattr(compiled.network, "forward", small_memory)
    x = torch.randn(8, 1, 4, 4)
    with pytest.raises(torch.OutOfMemoryError):
        compiled(x, 0.7)
    compiled(x[:4], 0.7)
    compiled(x[:3], 0.7)
    assert sizes == [4, 4]


def test_the_network_stays_as_it_was(sizes: list[int]) -> None:
    network = small()
    Compiled(network, "default", 4)
    network(torch.randn(2, 1, 4, 4), 0.7)
    assert sizes == []


def test_the_record_says_it(sizes: list[int]) -> None:
    described = describe_precision(Compiled(small().in_precision("bf16"), "max", 4), torch.device("cpu"))
    assert (described["compile"], described["name"], described["activations"]) == ("max", "bf16", "bfloat16")


@pytest.mark.parametrize(("device", "variable"), [("cpu", "CXX"), ("cuda", "CC")])
def test_without_a_compiler_it_is_said_at_once(device: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bdia_edm.engine.compiled.find_spec", lambda name: object())
    monkeypatch.setenv(variable, "/no/such/compiler -m64")
    with pytest.raises(
        UserError, match=r"^compile=default: needs a compiler, and there is no /no/such/compiler .*off$"
    ):
        require_compiler("default", device)


def test_a_gpu_needs_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bdia_edm.engine.compiled.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^compile=max: needs triton"):
        require_compiler("max", "cuda")


def test_what_the_compiler_says_is_one_line(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = Compiled(small(), "default", 2)

    class CompilerError(RuntimeError):
        __module__ = "torch._inductor.exc"

    def fails(*given: Any) -> Tensor:
        raise CompilerError("this\nand that")

    monkeypatch.setattr(compiled.network, "forward", fails)
    with pytest.raises(UserError, match=r"^compile=default: the network cannot be compiled here; .* this"):
        compiled(torch.randn(2, 1, 4, 4), 0.7)
