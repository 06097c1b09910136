"""PyTorch, imported when it is first used.

Importing it takes seconds, and modules that a command's help reads name it in functions only. They take ``torch`` from
here, and ``Tensor``, which is for annotations, under TYPE_CHECKING; nothing at their top may ask it for anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdia_edm.base.late_module import LateModule

__all__ = ["dist", "torch"]

if TYPE_CHECKING:
    import torch
    import torch.distributed as dist
else:
    torch = LateModule("torch")
    dist = LateModule("torch.distributed")
