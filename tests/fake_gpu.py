"""A machine with a GPU that computes nothing: what runs on it must neither wait for the GPU nor mix up devices.

Tensors on the GPU are fakes (PyTorch's FakeTensorMode): they have a shape, a type and a device, but no values, so
whatever reads a value (``item``, ``bool``, ``nonzero``, a mask as an index) raises. Tensors on the CPU are real. Copies
between the two are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["FakeGPU"]


class FakeGPU(TorchDispatchMode):
    """The machine; its modes hold within ``running``.

    Attributes:
        copies: the operations so far that took a tensor from one device to another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[str] = []
        self._fakes = FakeTensorMode(allow_non_fake_inputs=True)
        self._networks: dict[tuple[str, str], nn.Module] = {}

    @contextmanager
    def running(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """What is made on 'cuda' within it is a fake; random streams draw there with a CPU's generator."""
        generator = torch.Generator
        with monkeypatch.context() as patch, self._fakes, self:
            patch.setattr(torch, "Generator", lambda device="cpu": generator())
            self.copies.clear()
            yield

    def network(self, name: str, build: Callable[[], Any], device: str = "cuda") -> Any:
        """A network, built once on the CPU and moved to the GPU; to be called within ``running``."""
        if (name, device) not in self._networks:
            with unset_fake_temporarily():
                network = build()
            self._networks[name, device] = network.to(device)
            self.copies.clear()
        return self._networks[name, device]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_cpu = torch.device(kwargs.get("device") or "cpu").type == "cpu"
        if on_cpu and not any(isinstance(tensor, FakeTensor) for tensor in tensors):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        out = func(*args, **kwargs)
        sources = {tensor.device.type for tensor in tensors if not _is_operand(func, tensor, tensors)}
        targets = {leaf.device.type for leaf in tree_leaves(out) if isinstance(leaf, Tensor)}
        if sources and targets and sources != targets:
            self.copies.append(str(func))
        return out


def _is_operand(func: Any, tensor: Tensor, tensors: list[Tensor]) -> bool:
    """Whether a CPU's single number goes with an order to the GPU, as a Python number would, and is not copied."""
    together = any(other.device.type != "cpu" for other in tensors)
    return tensor.device.type == "cpu" and not tensor.ndim and together and func is not torch.ops.aten.copy_.default
