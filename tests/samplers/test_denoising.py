"""What a sampler sees of a network."""

from __future__ import annotations

import torch

from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from tests.references import build


def test_labels_are_bound_and_evaluations_counted() -> None:
    network = build("tiny-song-vp-cond")
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.eye(3)[[2, 0]]
    denoiser = BatchDenoiser(network, labels)
    sigma = 0.7
    out = denoiser(x, sigma)
    assert out.dtype == torch.float64
    assert torch.equal(out, network(x, sigma, labels).double())
    assert denoiser.nfe == 1
    assert torch.equal(gradient(denoiser, x, sigma), (x - out) / sigma)
    assert denoiser.nfe == 2
