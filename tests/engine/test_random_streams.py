"""One stream per image. That the draws are the original's is shown with the samplers' reference data."""

from __future__ import annotations

import torch

from bdia_edm.engine.random_streams import RandomStreams

SHAPE = (2, 3, 3)


def draws(seeds: list[int]) -> list[torch.Tensor]:
    streams = RandomStreams(seeds, SHAPE)
    return [streams.latents(), streams.labels(10), streams.noise(), streams.noise()]


def test_an_image_does_not_depend_on_its_batch() -> None:
    together = draws([5, 6, 7])
    for k, seed in enumerate([5, 6, 7]):
        for whole, single in zip(together, draws([seed]), strict=True):
            assert torch.equal(whole[k : k + 1], single)


def test_types_and_shapes() -> None:
    latents, labels, noise, more = draws([1, 2])
    assert (latents.shape, latents.dtype) == ((2, *SHAPE), torch.float32)
    assert (labels.shape, labels.dtype) == ((2,), torch.int64)
    assert (noise.shape, noise.dtype) == ((2, *SHAPE), torch.float64)
    assert not torch.equal(noise, more)


def test_seeds_are_taken_modulo_2_to_the_32() -> None:
    assert torch.equal(draws([3])[0], draws([3 + 2**32])[0])


def test_labels_are_uniform() -> None:
    streams = RandomStreams(range(4000), SHAPE)
    streams.latents()
    counts = streams.labels(4).bincount(minlength=4)
    assert ((counts - 1000).abs() < 120).all()
