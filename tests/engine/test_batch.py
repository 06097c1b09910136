"""One batch: pixels, and what a sampled image depends on."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.engine.batch import sample_images, to_uint8
from bdia_edm.samplers.registry import make_sampler
from tests.references import build

EDM = make_sampler("edm", {"num_steps": 4})
CHURNED = make_sampler("edm", {"num_steps": 4, "S_churn": 4})


def test_pixels_are_truncated_and_clipped() -> None:
    x = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
    assert to_uint8(x).tolist() == [0, 0, 64, 128, 191, 255, 255]


@pytest.mark.parametrize("sampler", [EDM, CHURNED])
def test_an_image_depends_on_its_seed_alone(sampler) -> None:
    network = build("tiny-song-vp-cond")
    images, labels, nfe = sample_images(network, sampler, [4, 5, 6])
    alone, alone_label, _ = sample_images(network, sampler, [5])
    torch.testing.assert_close(images[1:2], alone, atol=2e-4, rtol=0)
    assert labels[1] == alone_label[0]
    assert nfe == 7
    # With the same size of batch, to the last bit, whatever the neighbours.
    others, _, _ = sample_images(network, sampler, [70, 5, 90])
    assert torch.equal(images[1], others[1])


def test_a_given_class_leaves_the_noise_alone() -> None:
    """Where the class is the one that would have been drawn, nothing changes, churn included."""
    network = build("tiny-song-vp-cond")
    images, labels, _ = sample_images(network, CHURNED, [11])
    given, same, _ = sample_images(network, CHURNED, [11], class_idx=int(labels[0]))
    assert torch.equal(images, given)
    other, _, _ = sample_images(network, CHURNED, [11], class_idx=(int(labels[0]) + 1) % 3)
    assert not torch.equal(images, other)
    assert torch.equal(labels, same)


def test_unconditional_images_have_no_class() -> None:
    _, labels, _ = sample_images(build("tiny-song-ve-uncond"), EDM, [1, 2])
    assert labels.tolist() == [-1, -1]
