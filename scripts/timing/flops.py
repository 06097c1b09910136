"""How much a network computes: floating-point operations of one image, twice the multiply-adds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from bdia_edm.models.preconditioning import PRECONDITIONINGS
from tests.references import describe

__all__ = ["flops_of", "flops_of_checkpoint"]


@torch.inference_mode()
def flops_of(work: Callable[[], object]) -> int:
    """Of convolutions, products of matrices and attention; the rest of a network is not a hundredth of them."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def flops_of_checkpoint(name: str) -> int:
    """Of one evaluation of a released network, an image; nothing is computed."""
    card = describe(name)
    with torch.device("meta"):
        network = PRECONDITIONINGS[card["preconditioning"]](**card["init_kwargs"]).eval()
        x = torch.empty(1, network.img_channels, network.img_resolution, network.img_resolution)
        labels = torch.empty(1, network.label_dim) if network.label_dim else None
    return flops_of(lambda: network(x, 1.0, labels))
