"""PyTorch by its late name."""

from __future__ import annotations

import subprocess
import sys

import torch
import torch.distributed

from bdia_edm.base import late_torch


def test_it_is_pytorch() -> None:
    assert late_torch.torch.Tensor is torch.Tensor
    assert late_torch.dist.TCPStore is torch.distributed.TCPStore


def test_nothing_is_imported_before_it_is_used() -> None:
    line = "import sys; from bdia_edm.base.late_torch import torch; print('torch' in sys.modules); torch.zeros; "
    line += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
