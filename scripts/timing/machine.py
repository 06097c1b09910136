"""The machine: what it is called, and the most that it computes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from bdia_edm.base.versions import code_version, installed_versions
from bdia_edm.engine.precision import full_precision
from bdia_edm.models.precision import PRECISIONS
from bdia_edm.run.summary import describe_device
from scripts.timing.clock import Work, steady

__all__ = ["described", "matrix_product", "precisions_of", "product_flops"]

_SIDE = {"cpu": 2048, "cuda": 8192}


def described(device: torch.device) -> dict[str, Any]:
    """The device and the versions, as a record has them, and what else decides speed."""
    return {
        "device": describe_device(device),
        "threads": torch.get_num_threads(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": {**installed_versions("torch", "numpy", "scipy"), "cuda": torch.version.cuda},
        "code": code_version(),
    }


def precisions_of(device: torch.device) -> Sequence[str]:
    """The precisions that the device computes in by itself: one that it imitates is no faster than fp32."""
    if device.type == "cuda":
        return ("fp32", "tf32", "bf16", "fp16")
    flags = ""
    with suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text()
    return ("fp32", "bf16") if re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", flags) else ("fp32",)


def product_flops(device: torch.device) -> float:
    """Floating-point operations of the product that ``matrix_product`` does, twice its multiply-adds."""
    return 2.0 * _SIDE[device.type] ** 3


def matrix_product(precision: str, device: torch.device) -> Work:
    """The product of two large square matrices: the dense peak as a program reaches it."""
    side = _SIDE[device.type]
    a, b = (torch.randn(side, side, device=device).to(PRECISIONS[precision]) for _ in range(2))
    out = torch.empty_like(a)

    @torch.inference_mode()
    def multiply() -> None:
        with full_precision():
            torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
            torch.mm(a, b, out=out)

    return steady(multiply, device)
