"""The model that is measured: a card of conf/, of a released network with made weights, so that nothing is fetched.

What a network takes depends on its shape, not on its weights; those are of the deviation that leaves images finite.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bdia_edm.api import Metric, Run, finish, prepare, to_uint8
from bdia_edm.checkpoints.safetensors_file import write_network
from bdia_edm.config.composing import compose_values
from bdia_edm.engine.device import choose_device
from bdia_edm.engine.plan import parse_seeds
from bdia_edm.engine.precision import full_precision
from bdia_edm.metrics.frechet import Frechet
from scripts.timing.clock import Took, Work, clocked, steady
from tests.detector_files import write_inception
from tests.references import REFERENCE, build, describe

__all__ = ["RELEASED", "Subject", "card_of", "checkpoint_of"]

RELEASED = ("cifar10", "ffhq", "afhqv2", "imagenet64")
"""Cards of the four data sets that EDM's networks were released for, each of the best published figure."""
_NUM_FEATURES = 2048
_SIGMA = 1.0
_BLOCK = 500


class _DistanceAlone(Frechet):
    """Without the interval, which nobody else computes and whose cost does not depend on the images: 20 distances."""

    def uncertainty(self, *_: Any) -> dict[str, Any]:
        return {}


def card_of(model: str) -> dict[str, Any]:
    """The card's values, as ``sample`` has them."""
    return dict(compose_values([f"+model={model}"])["model"])


def checkpoint_of(model: str) -> str:
    """The name of the released checkpoint that the card takes; FileNotFoundError for another card."""
    name = Path(str(card_of(model)["path"])).stem
    if not (REFERENCE / "checkpoints" / f"{name}.json").is_file():
        raise FileNotFoundError(f"{model}: no released network of a known shape")
    return name


@dataclass(frozen=True)
class Subject:
    """A model on a device, its files in a folder.

    Attributes:
        model: the card.
        device: as the option.
        overrides: what names the card and its files.
        folder: for results, each in a folder of its own.
        batch_size: images at once, where nothing else is said.
        num_steps: of EDM's sampler in the measured runs.
    """

    model: str
    device: str
    overrides: tuple[str, ...]
    folder: Path
    batch_size: int
    num_steps: int

    @classmethod
    @contextmanager
    def made(cls, model: str, device: str, batch_size: int, num_steps: int) -> Iterator[Subject]:
        """The subject, whose files are gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="throughput-") as name:
            folder = Path(name)
            yield cls(model, device, _files(model, folder), folder, batch_size, num_steps)

    def prepare(
        self,
        *more: str,
        images: int = 2,
        num_steps: int | None = None,
        batch_size: int | None = None,
        metrics: Sequence[Metric] | None = None,
    ) -> Run:
        """A run of EDM's sampler, into a folder that nothing lies in; instead of the subject's own what is given."""
        batch = batch_size or self.batch_size
        results = tempfile.mkdtemp(dir=self.folder)
        # Without a detector its files are nobody's.
        bare = "detector=none" in more
        return prepare(
            *(each for each in self.overrides if not (bare and each.startswith("detector"))),
            f"device={self.device}",
            f"batch_size={batch}",
            f"block_size={max(_BLOCK, batch)}",
            "sampler=edm",
            f"sampler.num_steps={num_steps or self.num_steps}",
            f"seeds=0-{images - 1}",
            f"results_dir={results}",
            "verbosity=quiet",
            *more,
            metrics=metrics,
        )

    @cached_property
    def run(self) -> Run:
        """A run in the options' defaults: its denoiser, detector and reference are the subject's."""
        return self.prepare()

    @property
    def nfe(self) -> int:
        """Evaluations of EDM's sampler in ``num_steps``."""
        return 2 * self.num_steps - 1

    @property
    def card_images(self) -> int:
        """How many a run has where nothing is said."""
        return len(parse_seeds(str(card_of(self.model)["settings"]["seeds"])))

    @property
    def torch_device(self) -> torch.device:
        """The device itself."""
        return choose_device(self.device)

    def pipeline(self, images: int, *more: str, num_steps: int | None = None) -> Work:
        """All of ``sample`` from a checked run to its record, but the distance's interval of so many features."""
        metrics = None if self.run.detector is None or not self.is_large else [_DistanceAlone()]

        def work() -> Took:
            run = self.prepare(*more, images=images, num_steps=num_steps, metrics=metrics)
            return clocked(lambda: finish(run, str), run.device)

        return work

    def evaluation(self, batch_size: int, way: str = "") -> Work:
        """One evaluation of the bare network: noise in, denoised images out.

        Args:
            way: options of ``sample`` that it is prepared with; a compiled network is one of this batch alone.

        Raises:
            UserError: an option is refused.
        """
        run = self.run
        if way:
            run = self.prepare(*way.split(), "detector=none", images=batch_size, batch_size=batch_size)
        denoiser = run.denoiser
        x, labels = self.noise(batch_size)

        @torch.inference_mode()
        def evaluate() -> None:
            with full_precision():
                denoiser(x, _SIGMA, labels)

        return steady(evaluate, self.torch_device)

    def detection(self, batch_size: int) -> Work:
        """The detector's features of so many images, which are not black."""
        detector = self.run.detector
        assert detector is not None
        pixels = to_uint8(self.noise(batch_size)[0])

        @torch.inference_mode()
        def detect() -> None:
            with full_precision():
                detector(pixels)

        return steady(detect, self.torch_device)

    def noise(self, batch_size: int) -> tuple[Tensor, Tensor | None]:
        """Images (N, C, H, W) of noise and one-hot labels (N, label_dim) or None, on the device."""
        denoiser, device = self.run.denoiser, self.torch_device
        x = torch.randn(batch_size, denoiser.img_channels, *2 * (denoiser.img_resolution,), device=device)
        labels = torch.eye(denoiser.label_dim, device=device) if denoiser.label_dim else None
        return x, None if labels is None else labels[torch.arange(batch_size, device=device) % len(labels)]

    @property
    def is_large(self) -> bool:
        """Whether the interval of its distance takes longer than the few images that can be made here."""
        detector = self.run.detector
        return detector is not None and detector.num_features >= _NUM_FEATURES


def _files(model: str, folder: Path) -> tuple[str, ...]:
    """The overrides of a card whose files are embedded, or written here."""
    card = f"+model={model}"
    if str(card_of(model).get("path", "embedded:")).startswith("embedded:"):
        return (card,)
    name = checkpoint_of(model)
    network, detector, reference = (folder / each for each in (f"{name}.safetensors", "inception.pth", "reference.npz"))
    write_network(network, build(name), describe(name)["init_kwargs"], "denoiser")
    write_inception(detector)
    factor = np.random.default_rng(0).standard_normal((_NUM_FEATURES, _NUM_FEATURES)) / 50
    np.savez(reference, mu=np.full(_NUM_FEATURES, 0.4), sigma=factor @ factor.T)
    return (
        card,
        f"model.path={network}",
        f"model.reference={reference}",
        "detector=inception",
        f"detector.path={detector}",
        "detector.sha256=null",
    )
