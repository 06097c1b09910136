"""DINOv2 (Oquab et al. 2023, arXiv 2304.07193) as a detector: the class token of its vision transformer.

torch-fidelity's extractor resizes and normalizes the images, and would have the network from torch.hub, which runs
code that it downloads. The transformer is therefore written here; it takes the weights that were released
(dinov2_vits14, vitb14, vitl14 and vitg14, each `_pretrain.pth`), and is built as large as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from bdia_edm.checkpoints.building import fill
from bdia_edm.detectors.extractors import ExtractorFeatures, read_extractor
from bdia_edm.detectors.registry import DETECTORS, NetworkKind

__all__ = ["DINOv2", "VisionTransformer", "dinov2_network"]

PATCH = 14
_HEAD = 64
_EPSILON = 1e-6
# ImageNet's, of pixels from 0 to 1.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_NAMES = {384: "vits14", 768: "vitb14", 1024: "vitl14", 1536: "vitg14"}


class VisionTransformer(nn.Module):
    """DINOv2's vision transformer, without register tokens.

    Args:
        width: channels of a token, a multiple of 64, the size of a head.
        depth: number of blocks.
        grid: side of the square of patches that the position embedding is for.
        gated: whether the blocks' perceptrons are gated (SwiGLU), as in the giant one.
    """

    def __init__(self, width: int, depth: int, grid: int, gated: bool) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid**2, width))
        # For training on masked images; in the files, and not used here.
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, PATCH, stride=PATCH)})
        self.blocks = nn.ModuleList(_Block(width, gated) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized images (N, 3, H, W), sides multiples of 14, to class tokens (N, width)."""
        patches = self.patch_embed["proj"](x)
        positions = self._positions(patches.shape[2], patches.shape[3])
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches.flatten(2).mT], dim=1) + positions
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 0]

    def _positions(self, height: int, width: int) -> Tensor:
        """The position embedding (1, 1 + height·width, C), interpolated from the grid that it is for."""
        number, channels = self.pos_embed.shape[1] - 1, self.pos_embed.shape[2]
        side = round(number**0.5)
        if (height, width) == (side, side):
            return self.pos_embed
        grid = self.pos_embed[:, 1:].reshape(1, side, side, channels).permute(0, 3, 1, 2)
        # As the released networks do it, features being what they are only with the 0.1: by scale, bicubic.
        scale = ((height + 0.1) / side, (width + 0.1) / side)
        grid = functional.interpolate(grid, scale_factor=scale, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], grid.flatten(2).mT], dim=1)


class _Block(nn.Module):
    def __init__(self, width: int, gated: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=_EPSILON), nn.LayerNorm(width, eps=_EPSILON)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.ls1, self.ls2 = _LayerScale(width), _LayerScale(width)
        self.mlp = _GatedPerceptron(width) if gated else _Perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self._attention(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))

    def _attention(self, x: Tensor) -> Tensor:
        num, length, width = x.shape
        q, k, v = self.attn["qkv"](x).reshape(num, length, 3, width // _HEAD, _HEAD).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v)
        return self.attn["proj"](attended.transpose(1, 2).reshape(num, length, width))


class _LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Perceptron(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class _GatedPerceptron(nn.Module):
    """SwiGLU with two thirds of the usual hidden width, rounded up to a multiple of 8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = -(-int(8 * width / 3) // 8) * 8
        self.w12, self.w3 = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.w12(x).chunk(2, dim=-1)
        return self.w3(functional.silu(gate) * value)


def dinov2_network(state_dict: Mapping[str, Tensor]) -> ExtractorFeatures:
    """torch-fidelity's DINOv2 extractor around a transformer with these weights.

    Raises:
        RuntimeError: they are not those of a DINOv2 without register tokens.
    """
    # Imported here: it brings torchvision, which takes seconds, and most runs need neither.
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase
    from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    class Extractor(FeatureExtractorDinoV2):
        """The extractor without its own constructor, which would download code and run it.

        ``forward`` is its own too but for torchvision's ``normalize``, which copies the mean and the deviation to the
        device and waits for it at every batch.
        """

        mean: Tensor
        deviation: Tensor

        def __init__(self, model: nn.Module) -> None:
            FeatureExtractorBase.__init__(self, "dinov2", ["dinov2"])
            self.model = model
            for name, channels in (("mean", _MEAN), ("deviation", _DEVIATION)):
                values = torch.tensor([255 * channel for channel in channels]).reshape(3, 1, 1)
                self.register_buffer(name, values, persistent=False)

        def forward(self, x: Tensor) -> tuple[Tensor]:
            size = (self.INPUT_IMAGE_SIZE, self.INPUT_IMAGE_SIZE)
            x = interpolate_bilinear_2d_like_tensorflow1x(x.to(torch.float32), size=size, align_corners=False)
            return (self.model((x - self.mean) / self.deviation),)

    positions = state_dict.get("pos_embed", torch.zeros(0))
    if positions.ndim != 3 or positions.shape[2] % _HEAD or min(positions.shape[1] - 1, positions.shape[2]) < 1:
        raise RuntimeError("its pos_embed is missing or not of shape (1, 1 + grid², multiple of 64)")
    depth = len({name.split(".")[1] for name in state_dict if name.startswith("blocks.")})
    grid = round((positions.shape[1] - 1) ** 0.5)
    with torch.device("meta"):
        model = VisionTransformer(positions.shape[2], depth, grid, gated="blocks.0.mlp.w12.weight" in state_dict)
    return ExtractorFeatures(Extractor(fill(model, state_dict).float()))


@DETECTORS.add("dinov2")
class DINOv2(NetworkKind):
    """DINOv2 of any size; the detector's name says which, since distances of different sizes are not comparable."""

    name = "dinov2"

    @classmethod
    def made(cls, detector: str) -> bool:
        return detector.startswith(f"{cls.name}_")

    @classmethod
    def network(cls, path: Path, sha256: str | None, device: torch.device) -> nn.Module:
        return read_extractor(cls.name, dinov2_network, path, device)

    @classmethod
    def detector_name(cls, num_features: int) -> str:
        return f"{cls.name}_{_NAMES.get(num_features, num_features)}"
