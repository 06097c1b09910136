"""The blocks against what they are by definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from bdia_edm.models.layers import Conv2d, FourierEmbedding, GroupNorm, Linear, PositionalEmbedding, UNetBlock


def test_training_starts_from_normal_draws_of_the_fan_in() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = [Linear(6, 4).weight, Conv2d(3, 5, 3, gain=0.5).weight, FourierEmbedding(8).freqs]
        torch.manual_seed(0)
        drawn = [torch.randn(4, 6) * 6**-0.5, torch.randn(5, 3, 3, 3) * (0.5 / math.sqrt(27)), torch.randn(4) * 16.0]
    for mine, theirs in zip(made, drawn, strict=True):
        assert mine is not None
        torch.testing.assert_close(mine.detach(), theirs, rtol=1e-7, atol=0)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))


def test_box_filter_doubles_and_averages(x: torch.Tensor) -> None:
    up, down = Conv2d(8, 8, 0, up=True), Conv2d(8, 8, 0, down=True)
    assert torch.equal(up(x), functional.interpolate(x, scale_factor=2, mode="nearest"))
    torch.testing.assert_close(down(x), functional.avg_pool2d(x, 2))
    assert [name for name, _ in up.named_parameters()] == []


@pytest.mark.parametrize("kind", ["up", "down"])
def test_wide_filter_is_outer_product(x: torch.Tensor, kind: str) -> None:
    """[1, 3, 3, 1]/8 downwards on a constant gives the constant inside; upwards too."""
    layer = Conv2d(8, 8, 0, resample_filter=[1, 3, 3, 1], **{kind: True})
    constant = layer(torch.ones(1, 8, 8, 8))
    torch.testing.assert_close(constant[..., 1:-1, 1:-1], torch.ones_like(constant[..., 1:-1, 1:-1]))
    assert layer.resample_filter.shape == (1, 1, 4, 4)


@pytest.mark.parametrize("kind", ["up", "down"])
def test_fused_resampling_is_the_same_inside(x: torch.Tensor, kind: str) -> None:
    """Two convolutions commute away from the border, whatever the paddings."""
    options = {kind: True, "resample_filter": [1, 3, 3, 1]}
    plain, fused = Conv2d(8, 4, 3, **options), Conv2d(8, 4, 3, fused_resample=True, **options)
    fused.load_state_dict(plain.state_dict())
    big = torch.randn(1, 8, 24, 24, generator=torch.Generator().manual_seed(1))
    a, b = plain(big), fused(big)
    assert a.shape == b.shape
    if kind == "down":
        # Filtering before the weight on the fine grid is another map than after it, but both keep constants.
        ones = torch.ones(1, 8, 24, 24)
        torch.testing.assert_close(fused(ones)[0, :, 3:-3, 3:-3].std((1, 2)), torch.zeros(4), atol=1e-5, rtol=0)
    else:
        torch.testing.assert_close(a[..., 4:-4, 4:-4], b[..., 4:-4, 4:-4])


def test_group_norm_groups(x: torch.Tensor) -> None:
    assert [GroupNorm(c, 1e-5).groups for c in (8, 64, 128, 512)] == [2, 16, 32, 32]
    normed = GroupNorm(8, 1e-12)(x).reshape(2, 2, -1)
    torch.testing.assert_close(normed.mean(2), torch.zeros(2, 2), atol=1e-6, rtol=0)
    torch.testing.assert_close(normed.var(2, unbiased=False), torch.ones(2, 2))


def test_positional_embedding_by_hand() -> None:
    t = torch.tensor([0.0, 2.5])
    out = PositionalEmbedding(4, endpoint=True)(t)
    expected = [[math.cos(2.5), math.cos(2.5e-4), math.sin(2.5), math.sin(2.5e-4)]]
    torch.testing.assert_close(out[1:], torch.tensor(expected))
    half = PositionalEmbedding(4, endpoint=False)(t)
    torch.testing.assert_close(half[1, 1], torch.tensor(math.cos(2.5 / 100)))


def test_fourier_embedding_by_hand() -> None:
    layer = FourierEmbedding(4)
    layer.freqs.copy_(torch.tensor([0.25, 1.0]))
    torch.testing.assert_close(layer(torch.tensor([1.0])), torch.tensor([[0.0, 1.0, 1.0, 0.0]]), atol=1e-6, rtol=0)


def test_attention_is_softmax_attention(x: torch.Tensor) -> None:
    """One block whose convolutions contribute nothing is scaled skip plus attention."""
    torch.manual_seed(0)
    block = UNetBlock(8, 8, 16, heads=2, skip_scale=1.0)
    with torch.no_grad():
        block.conv1.weight.zero_()
        block.proj.weight.copy_(torch.eye(8)[:, :, None, None])
    out = block(x, torch.zeros(2, 16)).detach()
    qkv = block.qkv(block.norm2(x)).reshape(2, 2, 4, 3, 36)
    q, k, v = (part.transpose(2, 3) for part in qkv.unbind(3))
    expected = x + functional.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(x.shape)
    torch.testing.assert_close(out, expected.detach())


def test_float16_activations_leave_weights_alone(x: torch.Tensor) -> None:
    torch.manual_seed(0)
    block = UNetBlock(8, 16, 16, heads=1, down=True)
    emb = torch.randn(2, 16)
    out = block(x.half(), emb)
    assert out.dtype == torch.float16
    assert all(p.dtype == torch.float32 for p in block.parameters())
    torch.testing.assert_close(out.float(), block(x, emb), atol=0.02, rtol=0.02)


def test_linear_is_affine() -> None:
    layer = Linear(3, 2)
    torch.testing.assert_close(layer(torch.eye(3)), layer.weight.T + layer.bias)
    assert Linear(3, 2, bias=False).bias is None


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [16, 32])
def test_the_norm_of_an_image_depends_on_it_alone(threads: int, size: int) -> None:
    """Not on its place, nor on how many there are, where threads share the pixels of all images."""
    images = torch.randn(5, 128, size, size, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)
    norm, before = GroupNorm(128, 1e-6), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            together = norm(images)
            assert torch.equal(norm(images.roll(1, 0)).roll(-1, 0), together)
            assert torch.equal(norm(images[2:3]), together[2:3])
            assert torch.equal(norm(images[:4]), together[:4])
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(together, norm(images.contiguous()))


def test_equal_weights_of_two_are_doubling_and_the_mean_of_four(x: torch.Tensor) -> None:
    """The short ways give what the filter's convolutions give."""
    for kind in ("up", "down"):
        short, long = (Conv2d(8, 8, 0, resample_filter=[3, 3], **{kind: True}) for _ in range(2))
        long._is_box = False
        torch.testing.assert_close(short(x), long(x))
