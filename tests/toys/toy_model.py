"""A kind of model of the user's own: data that are all one grey, whose denoiser says so."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bdia_edm.base.options import option
from bdia_edm.config.model_card import MODEL_KINDS, ModelCard


class Grey(nn.Module):
    """D(x; sigma) = the grey."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.img_resolution, self.img_channels, self.label_dim = 4, 1, 0
        self.sigma_min, self.sigma_max, self.level = 0.0, math.inf, level

    def forward(self, x: Tensor, sigma: Tensor | float, class_labels: Tensor | None = None) -> Tensor:
        return torch.full_like(x, self.level)

    def round_sigma(self, sigma: Tensor) -> Tensor:
        return sigma


@MODEL_KINDS.add("grey")
@dataclass(frozen=True, kw_only=True)
class GreyCard(ModelCard):
    """Images of one grey."""

    kind = "grey"
    level: float = option(words="the grey", low=-1, high=1)

    def checksum(self) -> str:
        return f"grey {self.level}"

    def load(self, device: torch.device) -> Grey:
        return Grey(self.level)
