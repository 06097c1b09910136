"""The blocks that both EDM networks are made of.

Names of parameters and buffers are those of the released checkpoints, so that a state dict loads with
``strict=True``. Activations may be float16: weights stay float32 and are cast where they are used.

Sources: Karras et al. 2022 (arXiv 2206.00364), appendix F; Song et al. 2021 (arXiv 2011.13456); Dhariwal and
Nichol 2021 (arXiv 2105.05233).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Conv2d", "FourierEmbedding", "GroupNorm", "Linear", "PositionalEmbedding", "UNetBlock"]


_SPLIT_FROM = 1024
"""Pixels of an image from which on PyTorch's group norm divides them among the CPU's threads, in channels-last."""


def _is_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def _normal(*shape: int, scale: float) -> Tensor:
    """Normal draws times ``scale``; on the meta device, where a file's values take their place, the shape alone.

    Arithmetic imports PyTorch's compiler there (torch._dynamo, torch._inductor, sympy: 1.6 s).
    """
    values = torch.empty(shape)
    return values if values.is_meta else values.normal_() * scale


def _weight(*shape: int, gain: float) -> nn.Parameter:
    """A normal draw of variance gain² / fan-in: what training starts from; a checkpoint replaces it."""
    return nn.Parameter(_normal(*shape, scale=gain / math.sqrt(math.prod(shape[1:]))))


class Linear(nn.Module):
    """y = x Wᵀ + b for x (..., in_features)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = _weight(out_features, in_features, gain=1.0)
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return functional.linear(x, self.weight.to(x.dtype), bias)


class Conv2d(nn.Module):
    """A convolution (kernel 1 or 3) that may first resample by two; with kernel 0 it only resamples.

    The resampling filter is outer(r, r)/sum(r)² with r = ``resample_filter``. With ``fused_resample``, which the
    released networks use downwards only, the filter comes after the weight and their paddings merge.
    """

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        bias: bool = True,
        up: bool = False,
        down: bool = False,
        resample_filter: Sequence[int] = (1, 1),
        fused_resample: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel, self.up, self.down, self.fused = kernel, up, down, fused_resample
        # [1, 1], or equal numbers: doubling and the mean of four.
        self._is_box = len(resample_filter) == 2 and resample_filter[0] == resample_filter[1] != 0
        self.weight = _weight(out_channels, in_channels, kernel, kernel, gain=gain) if kernel else None
        self.bias = nn.Parameter(torch.zeros(out_channels)) if kernel and bias else None
        if up or down:
            # On the CPU, whatever device the layer is built on.
            r = torch.tensor(resample_filter, dtype=torch.float32, device="cpu")
            resampling = (r.outer(r) / r.sum() ** 2)[None, None]
            self.register_buffer("resample_filter", resampling.to(torch.get_default_device()))

    def forward(self, x: Tensor) -> Tensor:
        w_pad = self.kernel // 2
        if not (self.up or self.down):
            return self._convolve(x, w_pad)
        f_pad = (self.resample_filter.shape[-1] - 1) // 2
        if self.down and self.fused:
            x = self._convolve(x, w_pad + f_pad, bias=False)
            return self._add_bias(self._downsample(x, 0))
        if self.up and self.fused:
            x = self._upsample(x, max(f_pad - w_pad, 0))
            return self._convolve(x, max(w_pad - f_pad, 0))
        x = self._upsample(x, f_pad) if self.up else self._downsample(x, f_pad)
        return self._convolve(x, w_pad) if self.weight is not None else x

    def _convolve(self, x: Tensor, padding: int, bias: bool = True) -> Tensor:
        assert self.weight is not None
        b = self.bias.to(x.dtype) if bias and self.bias is not None else None
        return functional.conv2d(x, self.weight.to(x.dtype), b, padding=padding)

    def _add_bias(self, x: Tensor) -> Tensor:
        return x if self.bias is None else x + self.bias.to(x.dtype)[:, None, None]

    def _upsample(self, x: Tensor, padding: int) -> Tensor:
        channels = x.shape[1]
        if self._is_box and not padding:
            return functional.interpolate(x, scale_factor=2, mode="nearest")
        f = (4 * self.resample_filter).to(x.dtype).tile(channels, 1, 1, 1)
        return functional.conv_transpose2d(x, f, groups=channels, stride=2, padding=padding)

    def _downsample(self, x: Tensor, padding: int) -> Tensor:
        channels = x.shape[1]
        if self._is_box and not padding:
            return functional.avg_pool2d(x, 2)
        f = self.resample_filter.to(x.dtype).tile(channels, 1, 1, 1)
        return functional.conv2d(x, f, groups=channels, stride=2, padding=padding)


class GroupNorm(nn.Module):
    """Group normalisation in min(32, channels // 4) groups, with an affine map per channel."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.groups, self.eps = min(32, channels // 4), eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, channels, H, W) to the same shape."""
        num = len(x)
        # What is compiled has its batches of one size, and norms of its own.
        threads = 1 if torch.compiler.is_compiling() else torch.get_num_threads()
        if num % threads and x.device.type == "cpu" and x.shape[2] * x.shape[3] >= _SPLIT_FROM and _is_channels_last(x):
            # PyTorch gives each thread an equal part of all pixels. Where that cuts an image in two, its sums, and so
            # its last bits, would depend on its place in the batch.
            x = torch.cat([x, x[:1].expand(-num % threads, -1, -1, -1)]).contiguous(memory_format=torch.channels_last)
        x = functional.group_norm(x, self.groups, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)
        return x[:num]


class UNetBlock(nn.Module):
    """The residual block of both networks, with optional resampling and self-attention.

    Args:
        in_channels, out_channels, emb_channels: widths of the input, the output and the embedding.
        heads: number of attention heads; 0 for none.
        skip_scale: what the sum of the residual and its skip is multiplied by.
        adaptive_scale: the embedding scales and shifts the second norm (ADM), instead of being added before it.
        resample_proj: a resampling skip has a 1×1 convolution even where the width stays (DDPM++, NCSN++).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        emb_channels: int,
        *,
        up: bool = False,
        down: bool = False,
        heads: int = 0,
        dropout: float = 0.0,
        skip_scale: float = 1.0,
        eps: float = 1e-5,
        resample_filter: Sequence[int] = (1, 1),
        resample_proj: bool = False,
        adaptive_scale: bool = True,
    ) -> None:
        super().__init__()
        self.heads, self.dropout, self.skip_scale = heads, dropout, skip_scale
        self.adaptive_scale = adaptive_scale
        resample: dict[str, Any] = {"up": up, "down": down, "resample_filter": resample_filter}
        # The last layer of every residual starts near zero, so that training starts near the identity.
        near_zero = 1e-5
        self.norm0 = GroupNorm(in_channels, eps)
        self.conv0 = Conv2d(in_channels, out_channels, 3, **resample)
        self.affine = Linear(emb_channels, out_channels * (2 if adaptive_scale else 1))
        self.norm1 = GroupNorm(out_channels, eps)
        self.conv1 = Conv2d(out_channels, out_channels, 3, gain=near_zero)
        self.skip: Conv2d | None = None
        if in_channels != out_channels or up or down:
            kernel = 1 if resample_proj or in_channels != out_channels else 0
            self.skip = Conv2d(in_channels, out_channels, kernel, **resample)
        if heads:
            self.norm2 = GroupNorm(out_channels, eps)
            self.qkv = Conv2d(out_channels, 3 * out_channels, 1)
            self.proj = Conv2d(out_channels, out_channels, 1, gain=near_zero)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x (N, in, H, W) and emb (N, emb_channels) to (N, out, H', W')."""
        silu = functional.silu
        h = self.conv0(silu(self.norm0(x)))
        params = self.affine(emb)[:, :, None, None].to(x.dtype)
        if self.adaptive_scale:
            scale, shift = params.chunk(2, dim=1)
            h = silu(torch.addcmul(shift, self.norm1(h), scale + 1))
        else:
            h = silu(self.norm1(h + params))
        h = self.conv1(functional.dropout(h, self.dropout, self.training))
        h = (h + (x if self.skip is None else self.skip(x))) * self.skip_scale
        return (self.proj(self._attention(h)) + h) * self.skip_scale if self.heads else h

    def _attention(self, h: Tensor) -> Tensor:
        n, channels, height, width = h.shape
        qkv = self.qkv(self.norm2(h)).reshape(n, self.heads, channels // self.heads, 3, height * width)
        # PyTorch's fast kernels want the channels of a head side by side. Their sums and their softmax are float32
        # whatever the activations are.
        q, k, v = qkv.permute(3, 0, 1, 4, 2).contiguous().unbind(0)
        return functional.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(h.shape)


class PositionalEmbedding(nn.Module):
    """[cos(x f), sin(x f)] at the frequencies f_i = (1/10000)^(i/(C/2 - e)), e = 1 with ``endpoint``, else 0."""

    def __init__(self, channels: int, endpoint: bool) -> None:
        super().__init__()
        self.channels, self.endpoint = channels, endpoint

    def forward(self, x: Tensor) -> Tensor:
        """x (N,) to (N, channels)."""
        half = self.channels // 2
        i = torch.arange(half, dtype=torch.float32, device=x.device)
        angle = x.outer((1 / 10000) ** (i / (half - self.endpoint)))
        return torch.cat([angle.cos(), angle.sin()], dim=1)


class FourierEmbedding(nn.Module):
    """[cos(2π f x), sin(2π f x)] at random frequencies f that the checkpoint holds."""

    freqs: Tensor

    def __init__(self, channels: int, scale: float = 16.0) -> None:
        super().__init__()
        self.register_buffer("freqs", _normal(channels // 2, scale=scale))

    def forward(self, x: Tensor) -> Tensor:
        """x (N,) to (N, channels)."""
        angle = x.outer(2 * math.pi * self.freqs)
        return torch.cat([angle.cos(), angle.sin()], dim=1)
