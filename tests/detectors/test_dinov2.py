"""DINOv2's transformer and its extractor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional
from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2

from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.detectors.dinov2 import DINOv2, VisionTransformer, dinov2_network
from bdia_edm.run.loading_detectors import load_detector
from tests.detector_files import write_dinov2
from tests.detectors.test_inception import some_images


@pytest.mark.parametrize(
    ("width", "depth", "gated", "parameters"),
    [
        (384, 12, False, 22_056_576),
        (768, 12, False, 86_580_480),
        (1024, 24, False, 304_368_640),
        (1536, 40, True, 1_136_480_768),
    ],
)
def test_the_released_sizes(width: int, depth: int, gated: bool, parameters: int) -> None:
    """The parameters that the paper's Table (21 M, 86 M, 300 M, 1,100 M) and model cards round."""
    with torch.device("meta"):
        network = VisionTransformer(width, depth, 37, gated)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@torch.inference_mode()
def test_attention_and_blocks_by_hand(tmp_path: Path) -> None:
    """The transformer written out again with nothing but matrix products."""
    network = write_dinov2(tmp_path / "a.pth", width=128, depth=1)
    weights = network.state_dict()
    x = torch.randn(1, 3, 518, 518, generator=torch.Generator().manual_seed(0))
    patches = functional.unfold(x, 14, stride=14)[0].T @ weights["patch_embed.proj.weight"].flatten(1).T
    tokens = torch.cat([weights["cls_token"][0], patches + weights["patch_embed.proj.bias"]]) + weights["pos_embed"][0]
    block = {name.removeprefix("blocks.0."): value for name, value in weights.items()}

    def normed(tokens: torch.Tensor, name: str) -> torch.Tensor:
        centred = tokens - tokens.mean(1, keepdim=True)
        return (
            centred / (centred.square().mean(1, keepdim=True) + 1e-6).sqrt() * block[f"{name}.weight"]
            + block[f"{name}.bias"]
        )

    y = normed(tokens, "norm1") @ block["attn.qkv.weight"].T + block["attn.qkv.bias"]
    heads = []
    for head in range(2):
        q, k, v = (y[:, 128 * part + 64 * head :][:, :64] for part in range(3))
        heads.append(torch.softmax(q @ k.T / 8, dim=1) @ v)
    attended = torch.cat(heads, dim=1) @ block["attn.proj.weight"].T + block["attn.proj.bias"]
    tokens = tokens + attended * block["ls1.gamma"]
    hidden = normed(tokens, "norm2") @ block["mlp.fc1.weight"].T + block["mlp.fc1.bias"]
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    tokens = tokens + (hidden @ block["mlp.fc2.weight"].T + block["mlp.fc2.bias"]) * block["ls2.gamma"]
    torch.testing.assert_close(network(x)[0], normed(tokens, "norm")[0], rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_a_smooth_position_embedding_is_interpolated_to_the_images_grid() -> None:
    """A ramp stays one, to what PyTorch's bicubic kernel keeps of it: pixel centres are mapped by the scale.

    With 37/16 instead of 37/16.1 the far end would be 0.2 off.
    """
    network = VisionTransformer(64, 1, 37, gated=False)
    ramp = torch.arange(37.0)
    network.pos_embed[0, 1:, 0] = ramp.repeat_interleave(37)
    network.pos_embed[0, 1:, 1] = ramp.repeat(37)
    positions = network._positions(16, 16)[0, 1:].reshape(16, 16, 64)
    expected = (torch.arange(16) + 0.5) * 37 / 16.1 - 0.5
    torch.testing.assert_close(positions[1:-1, 5, 0], expected[1:-1], rtol=0, atol=0.06)
    torch.testing.assert_close(positions[5, 1:-1, 1], expected[1:-1], rtol=0, atol=0.06)
    assert network._positions(37, 37) is network.pos_embed


@pytest.mark.parametrize("gated", [False, True])
@torch.inference_mode()
def test_the_detector(gated: bool, tmp_path: Path) -> None:
    network = write_dinov2(tmp_path / "a.pth", gated=gated)
    detector = load_detector(DetectorCard("dinov2", str(tmp_path / "a.pth")), (3, 32, 32), torch.device("cpu"))
    assert detector is not None
    assert (detector.name, detector.num_features, detector.num_logits) == ("dinov2_128", 128, 0)
    assert detector.distance_name == "fd_dinov2_128"
    images = some_images()
    features = detector(images)
    assert (features.dtype, features.shape) == (torch.float32, (5, 128))
    torch.testing.assert_close(detector(images[2:3])[0], features[2], rtol=1e-4, atol=1e-4)
    # Resized to 224 and normalized with ImageNet's mean and deviation before the network; a flat image stays flat.
    flat = torch.full((1, 1, 8, 8), 100, dtype=torch.uint8)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalized = ((100 / 255 - mean) / deviation).reshape(1, 3, 1, 1).expand(1, 3, 224, 224)
    torch.testing.assert_close(detector(flat), network(normalized), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_the_features_are_the_extractors_to_the_last_bit(tmp_path: Path) -> None:
    """Ours subtracts and divides by hand what torchvision normalizes."""
    ours = dinov2_network(write_dinov2(tmp_path / "a.pth").state_dict())
    ours.extractor.feature_extractor_internal_dtype = torch.float32
    (expected,) = FeatureExtractorDinoV2.forward(ours.extractor, some_images())
    assert torch.equal(ours(some_images()), expected)


def test_the_name_says_the_size() -> None:
    assert DINOv2.detector_name(1024) == "dinov2_vitl14"
    assert DINOv2.detector_name(128) == "dinov2_128"


def test_register_tokens_are_refused(tmp_path: Path) -> None:
    state = write_dinov2(tmp_path / "a.pth").state_dict() | {"register_tokens": torch.zeros(1, 4, 128)}
    with pytest.raises(RuntimeError, match="register_tokens"):
        dinov2_network(state)


@pytest.mark.parametrize("shape", [(1, 0, 64), (1, 1, 64), (1, 5, 0), (1, 5, 63), (5,)])
def test_a_position_embedding_of_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match="pos_embed"):
        dinov2_network({"pos_embed": torch.zeros(shape)})
