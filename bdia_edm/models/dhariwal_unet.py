"""DhariwalUNet: the ADM network of Dhariwal and Nichol 2021 (arXiv 2105.05233) as EDM trains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bdia_edm.models.layers import Conv2d, GroupNorm, Linear, PositionalEmbedding, UNetBlock

__all__ = ["DhariwalUNet"]

_CHANNELS_PER_HEAD = 64


class DhariwalUNet(nn.Module):
    """U-Net whose level l has ``model_channels * channel_mult[l]`` channels; arguments as checkpoints store them.

    Args:
        img_resolution, in_channels, out_channels: the images' size and channels.
        label_dim: number of classes, 0 for an unconditional network.
        augment_dim: size of the augmentation labels used in training; their weights are in the files.
        dropout, label_dropout: of training; evaluation takes neither.
    """

    def __init__(
        self,
        img_resolution: int,
        in_channels: int,
        out_channels: int,
        label_dim: int = 0,
        augment_dim: int = 0,
        model_channels: int = 192,
        channel_mult: Sequence[int] = (1, 2, 3, 4),
        channel_mult_emb: int = 4,
        num_blocks: int = 3,
        attn_resolutions: Sequence[int] = (32, 16, 8),
        dropout: float = 0.1,
        label_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        emb_channels = model_channels * channel_mult_emb

        def block(n_in: int, n_out: int, attention: bool = False, **options: Any) -> UNetBlock:
            heads = n_out // _CHANNELS_PER_HEAD if attention else 0
            return UNetBlock(n_in, n_out, emb_channels, heads=heads, dropout=dropout, **options)

        self.map_noise = PositionalEmbedding(model_channels, endpoint=False)
        self.map_augment = Linear(augment_dim, model_channels, bias=False) if augment_dim else None
        self.map_layer0 = Linear(model_channels, emb_channels)
        self.map_layer1 = Linear(emb_channels, emb_channels)
        self.map_label = Linear(label_dim, emb_channels, bias=False) if label_dim else None

        self.enc = nn.ModuleDict()
        width = model_channels * channel_mult[0]
        skips: list[int] = []
        for level, mult in enumerate(channel_mult):
            r = img_resolution >> level
            if level == 0:
                self.enc[f"{r}x{r}_conv"] = Conv2d(in_channels, width, 3)
            else:
                self.enc[f"{r}x{r}_down"] = block(width, width, down=True)
            skips.append(width)
            for i in range(num_blocks):
                self.enc[f"{r}x{r}_block{i}"] = block(width, model_channels * mult, r in attn_resolutions)
                width = model_channels * mult
                skips.append(width)

        self.dec = nn.ModuleDict()
        for level in range(len(channel_mult) - 1, -1, -1):
            mult, r = channel_mult[level], img_resolution >> level
            if level == len(channel_mult) - 1:
                self.dec[f"{r}x{r}_in0"] = block(width, width, True)
                self.dec[f"{r}x{r}_in1"] = block(width, width)
            else:
                self.dec[f"{r}x{r}_up"] = block(width, width, up=True)
            for i in range(num_blocks + 1):
                self.dec[f"{r}x{r}_block{i}"] = block(width + skips.pop(), model_channels * mult, r in attn_resolutions)
                width = model_channels * mult
        self.out_norm = GroupNorm(width, eps=1e-5)
        self.out_conv = Conv2d(width, out_channels, 3, gain=1e-5)

    def embed_classes(self, class_labels: Tensor) -> Tensor:
        """class_labels (N, label_dim) to what ``forward`` takes of them, (N, D)."""
        assert self.map_label is not None
        rows: Tensor = self.map_label(class_labels)
        return rows

    def forward(
        self, x: Tensor, noise_labels: Tensor, classes: Tensor | None, augment_labels: Tensor | None = None
    ) -> Tensor:
        """x (N, in_channels, R, R), noise_labels (N,), classes (N, D) to (N, out_channels, R, R).

        Of noise_labels and classes either may be one row for all images; ``embed_classes`` makes the latter.
        """
        silu = functional.silu
        emb = self.map_noise(noise_labels)
        if self.map_augment is not None and augment_labels is not None:
            emb = emb + self.map_augment(augment_labels)
        emb = self.map_layer1(silu(self.map_layer0(emb)))
        if self.map_label is not None:
            assert classes is not None
            emb = emb + classes
        emb = silu(emb)

        skips: list[Tensor] = []
        for module in self.enc.values():
            x = module(x, emb) if isinstance(module, UNetBlock) else module(x)
            skips.append(x)
        for name, module in self.dec.items():
            if "_block" in name:
                x = torch.cat([x, skips.pop()], dim=1)
            x = module(x, emb)
        return self.out_conv(silu(self.out_norm(x)))
