"""The arithmetic that a network may compute in, by name.

fp32 is full float32; tf32 is float32 whose products take TensorFloat-32's ten bits of mantissa, on NVIDIA's GPUs from
capability 8.0 on; bf16 and fp16 hold the activations and the convolutions' weights in bfloat16 and float16. In all of
them the preconditioning, the embeddings, the sums within norms and products, and the attention's softmax are float32.
"""

from __future__ import annotations

from typing import Any

import torch

from bdia_edm.base.shared_setting import SharedSetting

__all__ = ["PRECISIONS", "tensor_float_32"]

PRECISIONS: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
"""The type of the activations in each."""

_Flags = list[tuple[Any, bool]]


def _allow() -> _Flags:
    before = [(owner, owner.allow_tf32) for owner in (torch.backends.cuda.matmul, torch.backends.cudnn)]
    _set([(owner, True) for owner, _ in before])
    return before


def _set(flags: _Flags) -> None:
    for owner, value in flags:
        owner.allow_tf32 = value


tensor_float_32 = SharedSetting(_allow, _set)
"""Within, products of float32 may take TensorFloat-32.

It is a flag of the whole process, read when an operation is sent to the GPU: a network sets it for its own evaluation
alone, so that a detector's stays float32.
"""
