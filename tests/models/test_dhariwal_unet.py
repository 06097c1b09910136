"""DhariwalUNet; its released form is held against reference data in test_preconditioning."""

from __future__ import annotations

import torch

from bdia_edm.models.dhariwal_unet import DhariwalUNet

TINY = {"img_resolution": 8, "in_channels": 3, "out_channels": 3, "model_channels": 64, "channel_mult": [1, 2]}
TINY |= {"num_blocks": 1, "attn_resolutions": [4], "dropout": 0.0}


def test_every_weight_matters() -> None:
    torch.manual_seed(0)
    network = DhariwalUNet(**TINY, label_dim=3, augment_dim=9)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1)
    classes = network.embed_classes(torch.eye(3)[:2])
    out = network(torch.randn(2, 3, 8, 8), torch.tensor([0.1, 9.0]), classes, torch.ones(2, 9))
    assert out.shape == (2, 3, 8, 8)
    out.square().sum().backward()
    unused = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert unused == []


def test_one_head_for_64_channels() -> None:
    network = DhariwalUNet(**TINY)
    assert {name: block.heads for name, block in network.dec.items()} == {
        "4x4_in0": 2,
        "4x4_in1": 0,
        "4x4_block0": 2,
        "4x4_block1": 2,
        "8x8_up": 0,
        "8x8_block0": 0,
        "8x8_block1": 0,
    }
