"""SongUNet's variants; its released forms are held against reference data in test_preconditioning."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.models.song_unet import SongUNet

TINY = {"img_resolution": 8, "in_channels": 3, "out_channels": 3, "model_channels": 16, "channel_mult": [1, 2]}
TINY |= {"num_blocks": 1, "attn_resolutions": [4]}


@pytest.mark.parametrize("encoder", ["standard", "residual", "skip"])
@pytest.mark.parametrize("decoder", ["standard", "skip"])
def test_every_variant_runs_and_every_weight_matters(encoder: str, decoder: str) -> None:
    torch.manual_seed(0)
    network = SongUNet(**TINY, encoder_type=encoder, decoder_type=decoder, dropout=0.0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1)
    out = network(torch.randn(2, 3, 8, 8), torch.tensor([0.1, 0.2]), None)
    assert out.shape == (2, 3, 8, 8)
    out.square().sum().backward()
    unused = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert unused == []


def test_augmentation_labels_count_where_given() -> None:
    torch.manual_seed(0)
    network = SongUNet(**TINY, augment_dim=9).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1)
    x, t = torch.randn(1, 3, 8, 8), torch.tensor([0.3])
    plain = network(x, t, None)
    assert torch.equal(plain, network(x, t, None, torch.zeros(1, 9)))
    assert not torch.equal(plain, network(x, t, None, torch.ones(1, 9)))


def test_dropout_is_for_training_only() -> None:
    torch.manual_seed(0)
    network = SongUNet(**TINY, dropout=0.5).eval()
    x, t = torch.randn(1, 3, 8, 8), torch.tensor([0.3])
    assert torch.equal(network(x, t, None), network(x, t, None))
