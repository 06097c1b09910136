"""SongUNet: the DDPM++ and NCSN++ networks of Song et al. 2021 (arXiv 2011.13456) as EDM trains them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bdia_edm.models.layers import Conv2d, FourierEmbedding, GroupNorm, Linear, PositionalEmbedding, UNetBlock

__all__ = ["SongUNet"]


class SongUNet(nn.Module):
    """U-Net whose level l has ``model_channels * channel_mult[l]`` channels; arguments as checkpoints store them.

    Args:
        img_resolution, in_channels, out_channels: the images' size and channels.
        label_dim: number of classes, 0 for an unconditional network.
        augment_dim: size of the augmentation labels used in training; their weights are in the files.
        dropout, label_dropout: of training; evaluation takes neither.
        embedding_type: 'positional' (DDPM++) or 'fourier' (NCSN++).
        encoder_type, decoder_type: 'standard', 'residual' (encoder only) or 'skip'.
    """

    def __init__(
        self,
        img_resolution: int,
        in_channels: int,
        out_channels: int,
        label_dim: int = 0,
        augment_dim: int = 0,
        model_channels: int = 128,
        channel_mult: Sequence[int] = (1, 2, 2, 2),
        channel_mult_emb: int = 4,
        num_blocks: int = 4,
        attn_resolutions: Sequence[int] = (16,),
        dropout: float = 0.1,
        label_dropout: float = 0.0,
        embedding_type: str = "positional",
        channel_mult_noise: int = 1,
        encoder_type: str = "standard",
        decoder_type: str = "standard",
        resample_filter: Sequence[int] = (1, 1),
    ) -> None:
        super().__init__()
        for option, got, allowed in (
            ("embedding_type", embedding_type, ("positional", "fourier")),
            ("encoder_type", encoder_type, ("standard", "skip", "residual")),
            ("decoder_type", decoder_type, ("standard", "skip")),
        ):
            if got not in allowed:
                raise ValueError(f"{option}={got!r}: must be one of {', '.join(allowed)}")
        emb_channels = model_channels * channel_mult_emb
        noise_channels = model_channels * channel_mult_noise
        resample: dict[str, Any] = {"resample_filter": resample_filter}

        def block(n_in: int, n_out: int, attention: bool = False, **options: Any) -> UNetBlock:
            return UNetBlock(
                n_in,
                n_out,
                emb_channels,
                heads=int(attention),
                dropout=dropout,
                skip_scale=math.sqrt(0.5),
                eps=1e-6,
                resample_filter=resample_filter,
                resample_proj=True,
                adaptive_scale=False,
                **options,
            )

        self.label_dim = label_dim
        self.map_noise: nn.Module = (
            PositionalEmbedding(noise_channels, endpoint=True)
            if embedding_type == "positional"
            else FourierEmbedding(noise_channels)
        )
        self.map_label = Linear(label_dim, noise_channels) if label_dim else None
        self.map_augment = Linear(augment_dim, noise_channels, bias=False) if augment_dim else None
        self.map_layer0 = Linear(noise_channels, emb_channels)
        self.map_layer1 = Linear(emb_channels, emb_channels)

        self.enc = nn.ModuleDict()
        width, aux_width = in_channels, in_channels
        skips: list[int] = []
        for level, mult in enumerate(channel_mult):
            r = img_resolution >> level
            if level == 0:
                self.enc[f"{r}x{r}_conv"] = Conv2d(width, model_channels, 3)
                width = model_channels
            else:
                self.enc[f"{r}x{r}_down"] = block(width, width, down=True)
                if encoder_type == "skip":
                    self.enc[f"{r}x{r}_aux_down"] = Conv2d(aux_width, aux_width, 0, down=True, **resample)
                    self.enc[f"{r}x{r}_aux_skip"] = Conv2d(aux_width, width, 1)
                if encoder_type == "residual":
                    self.enc[f"{r}x{r}_aux_residual"] = Conv2d(
                        aux_width, width, 3, down=True, fused_resample=True, **resample
                    )
                    aux_width = width
            skips.append(width)
            for i in range(num_blocks):
                self.enc[f"{r}x{r}_block{i}"] = block(width, model_channels * mult, r in attn_resolutions)
                width = model_channels * mult
                skips.append(width)

        self.dec = nn.ModuleDict()
        lowest = len(channel_mult) - 1
        for level in range(lowest, -1, -1):
            mult, r = channel_mult[level], img_resolution >> level
            if level == lowest:
                self.dec[f"{r}x{r}_in0"] = block(width, width, True)
                self.dec[f"{r}x{r}_in1"] = block(width, width)
            else:
                self.dec[f"{r}x{r}_up"] = block(width, width, up=True)
            for i in range(num_blocks + 1):
                attention = i == num_blocks and r in attn_resolutions
                self.dec[f"{r}x{r}_block{i}"] = block(width + skips.pop(), model_channels * mult, attention)
                width = model_channels * mult
            if decoder_type == "skip" or level == 0:
                if decoder_type == "skip" and level < lowest:
                    self.dec[f"{r}x{r}_aux_up"] = Conv2d(out_channels, out_channels, 0, up=True, **resample)
                self.dec[f"{r}x{r}_aux_norm"] = GroupNorm(width, eps=1e-6)
                self.dec[f"{r}x{r}_aux_conv"] = Conv2d(width, out_channels, 3, gain=1e-5)

    def embed_classes(self, class_labels: Tensor) -> Tensor:
        """class_labels (N, label_dim) to what ``forward`` takes of them, (N, D)."""
        assert self.map_label is not None
        rows: Tensor = self.map_label(class_labels * math.sqrt(self.label_dim))
        return rows

    def forward(
        self, x: Tensor, noise_labels: Tensor, classes: Tensor | None, augment_labels: Tensor | None = None
    ) -> Tensor:
        """x (N, in_channels, R, R), noise_labels (N,), classes (N, D) to (N, out_channels, R, R).

        Of noise_labels and classes either may be one row for all images; ``embed_classes`` makes the latter.
        """
        emb = self._embed(noise_labels, classes, augment_labels)
        skips: list[Tensor] = []
        aux = x
        for name, module in self.enc.items():
            if name.endswith("aux_down"):
                aux = module(aux)
            elif name.endswith("aux_skip"):
                x = skips[-1] = x + module(aux)
            elif name.endswith("aux_residual"):
                x = skips[-1] = aux = (x + module(aux)) * math.sqrt(0.5)
            else:
                x = module(x, emb) if isinstance(module, UNetBlock) else module(x)
                skips.append(x)

        out: Tensor | None = None
        normed = x
        for name, module in self.dec.items():
            if name.endswith("aux_up"):
                assert out is not None
                out = module(out)
            elif name.endswith("aux_norm"):
                normed = module(x)
            elif name.endswith("aux_conv"):
                image = module(functional.silu(normed))
                out = image if out is None else image + out
            else:
                if "_block" in name:
                    x = torch.cat([x, skips.pop()], dim=1)
                x = module(x, emb)
        assert out is not None
        return out

    def _embed(self, noise_labels: Tensor, classes: Tensor | None, augment_labels: Tensor | None) -> Tensor:
        silu = functional.silu
        emb = self.map_noise(noise_labels)
        cos, sin = emb.chunk(2, dim=1)
        emb = torch.cat([sin, cos], dim=1)
        if self.map_label is not None:
            assert classes is not None
            emb = emb + classes
        if self.map_augment is not None and augment_labels is not None:
            emb = emb + self.map_augment(augment_labels)
        return silu(self.map_layer1(silu(self.map_layer0(emb))))
