"""What a sampler sees of a network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.models.preconditioning import EDMPrecond
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


@pytest.mark.parametrize("name", ["tiny-song-vp-cond", "tiny-adm-cond"])
def test_labels_are_embedded_once_for_a_batch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(name)
    embedded: list[Tensor] = []
    forward = network.model.map_label.forward
    monkeypatch.setattr(network.model.map_label, "forward", lambda labels: embedded.append(labels) or forward(labels))
    x, labels = torch.ones(2, 3, network.img_resolution, network.img_resolution), torch.eye(network.label_dim)[[2, 0]]
    denoiser = BatchDenoiser(network, labels)
    first, second = denoiser(x, 0.7), denoiser(x, 3.0)
    assert len(embedded) == 1
    assert torch.equal(first, network(x, 0.7, labels).double())
    assert torch.equal(second, network(x, 3.0, labels).double())


def test_a_subclass_with_a_forward_of_its_own_is_given_the_labels() -> None:
    """Guidance, say, reads them."""

    class Halved(EDMPrecond):
        def forward(self, x: Tensor, sigma: Any, class_labels: Any = None) -> Tensor:
            return super().forward(x, sigma, class_labels * 0.5)

    network = Halved(img_resolution=8, img_channels=1, label_dim=3, model_channels=8, num_blocks=1).eval()
    x, labels = torch.ones(2, 1, 8, 8), torch.eye(3)[[2, 0]]
    with torch.no_grad():
        expected = EDMPrecond.forward(network, x, 0.7, labels * 0.5)
        assert torch.equal(BatchDenoiser(network, labels)(x, 0.7), expected.double())


@pytest.mark.parametrize("name", ["tiny-song-vp-cond", "tiny-adm-cond"])
def test_the_noise_embedding_is_one_row_for_all_images(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(name)
    rows: list[int] = []
    forward = network.model.map_noise.forward
    monkeypatch.setattr(network.model.map_noise, "forward", lambda levels: rows.append(len(levels)) or forward(levels))
    x, labels = (
        torch.ones(3, 3, network.img_resolution, network.img_resolution),
        torch.eye(network.label_dim)[[2, 0, 1]],
    )
    BatchDenoiser(network, labels)(x, 0.7)
    assert rows == [1]
