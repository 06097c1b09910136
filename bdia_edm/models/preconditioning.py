"""The four preconditionings: a raw network F becomes a denoiser D.

    D(x; sigma) = c_skip x + c_out F(c_in x, c_noise, labels)

Karras et al. 2022 (arXiv 2206.00364), Table 1. Everything around F runs in float32. F's precision is float16
where the checkpoint asks for it (``use_fp16``) and the device is a GPU, or what ``in_precision`` was told.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import torch
from torch import Tensor, nn

from bdia_edm.models.denoiser import place_level
from bdia_edm.models.dhariwal_unet import DhariwalUNet
from bdia_edm.models.layers import Conv2d, GroupNorm
from bdia_edm.models.precision import PRECISIONS, tensor_float_32
from bdia_edm.models.song_unet import SongUNet

__all__ = [
    "PRECONDITIONINGS",
    "ClassEmbedding",
    "EDMPrecond",
    "Preconditioning",
    "VEPrecond",
    "VPPrecond",
    "iDDPMPrecond",
]

_NETWORKS: dict[str, type[nn.Module]] = {"SongUNet": SongUNet, "DhariwalUNet": DhariwalUNet}


@dataclass(frozen=True)
class ClassEmbedding:
    """What a network makes of a batch's labels, the same at every noise level.

    Attributes:
        rows: (N, D) float32, or one row for all images.
    """

    rows: Tensor


def _laid_out(x: Tensor) -> Tensor:
    """x with its channels side by side, where that is the faster layout (all that follows keeps it).

    On the CPU it is, 1.02 to 1.1 times. On a GPU PyTorch's group norm gives back the other layout every time.
    """
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x


class Preconditioning(nn.Module, ABC):
    """What the four share; a subclass gives the coefficients and the range of noise levels.

    Attributes:
        precision: what F computes in, a name of ``PRECISIONS``; 'auto' is its own on the images' device.
    """

    out_channels_factor = 1

    def __init__(
        self,
        img_resolution: int,
        img_channels: int,
        label_dim: int = 0,
        use_fp16: bool = False,
        model_type: str = "SongUNet",
        **network: Any,
    ) -> None:
        super().__init__()
        if model_type not in _NETWORKS:
            raise ValueError(f"model_type={model_type!r}: must be one of {', '.join(_NETWORKS)}")
        self.img_resolution, self.img_channels = img_resolution, img_channels
        self.label_dim, self.use_fp16, self.precision = label_dim, use_fp16, "auto"
        self.sigma_min, self.sigma_max = 0.0, math.inf
        self.model = _NETWORKS[model_type](
            img_resolution=img_resolution,
            in_channels=img_channels,
            out_channels=img_channels * self.out_channels_factor,
            label_dim=label_dim,
            **network,
        )

    @abstractmethod
    def coefficients(self, sigma: Tensor) -> tuple[Tensor | float, Tensor, Tensor | float, Tensor]:
        """c_skip, c_out, c_in (each broadcastable with sigma) and c_noise, of sigma (N, 1, 1, 1)."""

    def forward(self, x: Tensor, sigma: Tensor | float, class_labels: Tensor | ClassEmbedding | None = None) -> Tensor:
        """The denoised images D(x; sigma).

        Args:
            x: (N, C, H, W), pixels in [-1, 1] plus noise.
            sigma: noise level, scalar or (N,); of a scalar the noise embedding is one row for all images.
            class_labels: one-hot (N, label_dim), or what ``embed_classes`` made of them; None gives a conditional
                network one all-zero row.

        Returns:
            (N, C, H, W) float32.
        """
        x = x.to(torch.float32)
        sigma = place_level(sigma, x, torch.float32).reshape(-1, 1, 1, 1)
        classes: Tensor | None = None
        if isinstance(class_labels, ClassEmbedding):
            classes = class_labels.rows
        elif self.label_dim:
            classes = self._embedded(class_labels, x.device)
        c_skip, c_out, c_in, c_noise = self.coefficients(sigma)
        precision = self.own_precision(x.device.type) if self.precision == "auto" else self.precision
        with tensor_float_32() if precision == "tf32" else nullcontext():
            f_x = self.model(_laid_out((c_in * x).to(PRECISIONS[precision])), c_noise.flatten(), classes)
        return c_skip * x + c_out * f_x[:, : self.img_channels].to(torch.float32).contiguous()

    def own_precision(self, device_type: str) -> str:
        """What the checkpoint computes in on 'cpu' or 'cuda', as the original runs it."""
        return "fp16" if self.use_fp16 and device_type == "cuda" else "fp32"

    def shared_copy(self) -> Self:
        """Another network with the same tensors."""
        return copy.deepcopy(self, {id(tensor): tensor for tensor in chain(self.parameters(), self.buffers())})

    def in_precision(self, name: str) -> Self:
        """This network, computing in a precision of ``PRECISIONS``.

        The weights of convolutions and norms are cast once, to what they would be cast to in every evaluation; all
        other tensors are shared.
        """
        dtype = PRECISIONS[name]
        other = self.shared_copy()
        other.precision = name
        for module in other.model.modules():
            for key, tensor in list(module._parameters.items()):
                if isinstance(module, Conv2d | GroupNorm) and tensor is not None and tensor.dtype != dtype:
                    # Assigned, not changed in place: the tensor is the other network's too.
                    module._parameters[key] = nn.Parameter(tensor.to(dtype), requires_grad=tensor.requires_grad)
        return other

    def embed_classes(self, class_labels: Tensor | None) -> Tensor | ClassEmbedding | None:
        """What stands for a batch's labels in every evaluation, computed once.

        Args:
            class_labels: one-hot (N, label_dim), on the network's device, or None.

        Returns:
            Their embedding; the labels as they are where there are none, and where a subclass's own ``forward`` may
            look at them.
        """
        if not self.label_dim or class_labels is None or type(self).forward is not Preconditioning.forward:
            return class_labels
        return ClassEmbedding(self._embedded(class_labels, class_labels.device))

    def _embedded(self, class_labels: Tensor | None, device: torch.device) -> Tensor:
        if class_labels is None:
            class_labels = torch.zeros(1, self.label_dim, device=device)
        embed: Any = self.model.embed_classes
        return embed(class_labels.to(torch.float32).reshape(-1, self.label_dim))

    def round_sigma(self, sigma: Tensor) -> Tensor:
        """The noise level nearest to ``sigma`` that the network was trained at, in sigma's own precision."""
        return sigma


class EDMPrecond(Preconditioning):
    """Karras et al. 2022; ``sigma_data`` is the standard deviation of the data's pixels."""

    def __init__(
        self, *, sigma_min: float = 0.0, sigma_max: float = math.inf, sigma_data: float = 0.5, **options: Any
    ) -> None:
        super().__init__(**options)
        self.sigma_min, self.sigma_max, self.sigma_data = sigma_min, sigma_max, sigma_data

    def coefficients(self, sigma: Tensor) -> tuple[Tensor | float, Tensor, Tensor | float, Tensor]:
        total = sigma**2 + self.sigma_data**2
        return self.sigma_data**2 / total, sigma * self.sigma_data / total.sqrt(), 1 / total.sqrt(), sigma.log() / 4


class VPPrecond(Preconditioning):
    """Variance preserving, Song et al. 2021; M = 1000 levels, trained down to t = epsilon_t."""

    def __init__(
        self, *, beta_d: float = 19.9, beta_min: float = 0.1, M: int = 1000, epsilon_t: float = 1e-5, **options: Any
    ) -> None:
        super().__init__(**options)
        self.beta_d, self.beta_min, self.M = beta_d, beta_min, M

        def level(t: float) -> float:
            time = torch.tensor(t, device="cpu")
            return float(((beta_d * time**2 / 2 + beta_min * time).exp() - 1).sqrt())

        self.sigma_min, self.sigma_max = level(epsilon_t), level(1.0)

    def coefficients(self, sigma: Tensor) -> tuple[Tensor | float, Tensor, Tensor | float, Tensor]:
        t = ((self.beta_min**2 + 2 * self.beta_d * (1 + sigma**2).log()).sqrt() - self.beta_min) / self.beta_d
        return 1.0, -sigma, 1 / (sigma**2 + 1).sqrt(), (self.M - 1) * t


class VEPrecond(Preconditioning):
    """Variance exploding, Song et al. 2021."""

    def __init__(self, *, sigma_min: float = 0.02, sigma_max: float = 100.0, **options: Any) -> None:
        super().__init__(**options)
        self.sigma_min, self.sigma_max = sigma_min, sigma_max

    def coefficients(self, sigma: Tensor) -> tuple[Tensor | float, Tensor, Tensor | float, Tensor]:
        return 1.0, sigma, 1.0, (sigma / 2).log()


class iDDPMPrecond(Preconditioning):  # the class name that the checkpoints hold
    """Improved DDPM, Nichol and Dhariwal 2021; knows the M+1 levels ``u`` only. F also predicts a variance."""

    out_channels_factor = 2
    u: Tensor

    def __init__(self, *, C_1: float = 0.001, C_2: float = 0.008, M: int = 1000, **options: Any) -> None:
        super().__init__(**options)
        self.M = M
        # The range is read on the CPU, whatever device (the meta device, say) the network is built on.
        u = iddpm_levels(C_1, C_2, M)
        self.sigma_min, self.sigma_max = float(u[M - 1]), float(u[0])
        # Time steps live on the CPU: rounding them there waits for no GPU.
        self._cpu_levels = u
        self.register_buffer("u", u.to(torch.get_default_device()))

    def coefficients(self, sigma: Tensor) -> tuple[Tensor | float, Tensor, Tensor | float, Tensor]:
        c_noise = self.M - 1 - _nearest(sigma, self.u).to(torch.float32)
        return 1.0, -sigma, 1 / (sigma**2 + 1).sqrt(), c_noise

    def round_sigma(self, sigma: Tensor) -> Tensor:
        levels = self.u if sigma.device == self.u.device else self._cpu_levels.to(sigma.device)
        return levels[_nearest(sigma, levels)].to(sigma.dtype)


def _nearest(sigma: Tensor, levels: Tensor) -> Tensor:
    """Index of the level nearest to each sigma, by torch.cdist in float32.

    For so many levels cdist multiplies matrices, whose rounding decides near-ties otherwise than |sigma - u| does (for
    37 of EDM's grids of 2 to 300 steps): the same seeds give EDM's images only if it is asked as EDM asks it.
    """
    column = sigma.to(torch.float32).reshape(1, -1, 1)
    return torch.cdist(column, levels.reshape(1, -1, 1)).argmin(dim=2).reshape(sigma.shape)


def iddpm_levels(C_1: float, C_2: float, M: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The levels u_0 > ... > u_M = 0, (M + 1,) on the CPU.

    u_{j-1} = sqrt((u_j² + 1)/max(abar(j-1)/abar(j), C_1) - 1), abar(j) = sin²(π/2 · j/(M (C_2 + 1))).

    Args:
        dtype: of the recurrence; abar and its ratio are float32 whatever it is, as in EDM.
    """
    with torch.device("cpu"):
        j = torch.arange(M + 1, dtype=torch.float32)
        abar = (0.5 * math.pi * j / M / (C_2 + 1)).sin() ** 2
        u = torch.zeros(M + 1, dtype=dtype)
        for k in range(M, 0, -1):
            u[k - 1] = ((u[k] ** 2 + 1) / (abar[k - 1] / abar[k]).clip(min=C_1) - 1).sqrt()
    return u


PRECONDITIONINGS: dict[str, type[Preconditioning]] = {
    cls.__name__: cls for cls in (EDMPrecond, VPPrecond, VEPrecond, iDDPMPrecond)
}
