"""Other programs' images before a detector: which of them, read batch by batch, and what metrics need of them."""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Callable, Generator, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.base.urls import without_secrets
from bdia_edm.config.detector_card import detector_card
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.device import choose_device, says_out_of_memory
from bdia_edm.engine.precision import full_precision
from bdia_edm.images.image_source import ImageSource, open_images
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.statistics import too_few_images
from bdia_edm.run.loading_detectors import load_detector
from bdia_edm.run.measuring import Measuring

__all__ = ["KeptFeatures", "MeasuredImages", "drawn_indices", "prepared", "read_ahead", "seen_by", "shown_progress"]

Pixels = TypeVar("Pixels")


class KeptFeatures:
    """Features of some of the images, of which there may be too many to hold them all.

    Args:
        indices: places of these images among all, ascending.
    """

    def __init__(self, indices: Sequence[int]) -> None:
        self.indices = np.array(indices, np.int64)
        self._seen = 0
        self._parts: list[NDArray[np.float32]] = []

    def add(self, features: NDArray[np.float32]) -> None:
        """Takes those that are wanted of the next images' features (n, F)."""
        first, last = np.searchsorted(self.indices, [self._seen, self._seen + len(features)])
        self._parts.append(features[self.indices[first:last] - self._seen])
        self._seen += len(features)

    @property
    def features(self) -> NDArray[np.float32]:
        """The features that were kept, in the images' order."""
        return np.concatenate(self._parts)


@dataclass(frozen=True)
class MeasuredImages:
    """Checked images and their detector; ``argument``, ``given`` and ``name`` are what the user gave for them."""

    argument: str
    given: str
    source: ImageSource
    indices: Sequence[int]
    name: str
    detector: Detector
    device: torch.device
    options: Measuring

    @torch.inference_mode()
    def run(self, needs: Set[str], kept: KeptFeatures | None = None) -> tuple[Findings, str]:
        """What the metrics need of the features, and the SHA-256 of the shape and the pixels.

        Args:
            kept: takes the features that it wants.
        """
        self.source.check(self.indices)
        detector, options = self.detector, self.options
        if "moments" in needs and (warning := too_few_images(len(self.indices), detector.num_features)):
            options.say(warning)
        findings = Findings(detector.num_features, detector.num_logits, needs)
        digest = hashlib.sha256(repr(self.source.shape).encode())
        shown = shown_progress(len(self.indices), detector.name, options.progress)
        with shown as bar, closing(read_ahead(self.source.read, self.indices, options.batch)) as batches:
            for pixels in batches:
                digest.update(pixels.data)
                seen = seen_by(detector, pixels, self.device, options.batch, "logits" in needs)
                findings.add(seen[0], seen[1] if len(seen) > 1 else None)
                if kept is not None:
                    kept.add(seen[0])
                bar.update(len(pixels))
        return findings, digest.hexdigest()

    def described(self) -> dict[str, Any]:
        """What the figures depend on beside the files' contents."""
        options = self.options
        return {
            "images": self.given,
            "num_images": len(self.indices),
            "num_found": len(self.source),
            "seed": options.seed,
            "shape": list(self.source.shape),
            "detector": self.detector.name,
            "detector_path": None if options.detector_path is None else without_secrets(options.detector_path),
            "batch": options.batch,
            "device": self.device.type,
            "threads": torch.get_num_threads(),
        }

    def command(self, name: str, *more: str) -> str:
        """The shell line that does the same again, every option said."""
        options = self.options
        line = ["python", "-m", "bdia_edm.fid", name, f"--{self.argument}", self.given, *more]
        line += ["--num", str(len(self.indices)), "--seed", str(options.seed), "--detector", self.name]
        line += [word for name in options.modules for word in ("--modules", name)]
        if options.detector_path is not None:
            line += ["--detector-path", options.detector_path]
        if options.detector_sha256 is not None:
            line += ["--detector-sha256", options.detector_sha256]
        line = [without_secrets(word) for word in line]
        return shlex.join([*line, "--batch", str(options.batch), "--device", self.device.type])


def read_ahead(
    read: Callable[[Sequence[int]], Pixels], indices: Sequence[int], size: int
) -> Generator[Pixels, None, None]:
    """What ``read`` gives for the indices, ``size`` of them at a time; the next is read while this one is worked on."""
    parts = [indices[first : first + size] for first in range(0, len(indices), size)]
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, parts[0])
        for part in parts[1:]:
            pixels = coming.result()
            coming = reader.submit(read, part)
            yield pixels
        yield coming.result()


def seen_by(
    detector: Detector, pixels: NDArray[np.uint8], device: torch.device, batch: int, with_logits: bool = False
) -> list[NDArray[np.float32]]:
    """The features of images (n, H, W, C) and, where they are asked for, logits.

    Args:
        batch: how many images the user would have in such a call.

    Raises:
        UserError: they do not fit into the memory, or the detector gives no finite numbers.
    """
    try:
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(device)
        found = detector.with_logits(images) if with_logits else (detector(images),)
        values = [each.cpu().numpy() for each in found]
    except (RuntimeError, MemoryError) as error:
        if not says_out_of_memory(error):
            raise
        raise UserError(
            f"{named('batch')}={batch}: does not fit into the device's memory with {detector.name}; take a smaller one"
        ) from error
    if not all(np.isfinite(each).all() for each in values):
        given = f"{named('detector')}={detector.name}"
        raise UserError(f"{given}: gives features that are not finite; its file is not fit")
    return values


def shown_progress(total: int, what: str, shown: bool, unit: str = "images") -> Any:
    """A bar on stderr."""
    # Without a terminal a bar would fill a log file with lines.
    interval = 0.1 if sys.stderr.isatty() else 30
    return tqdm(total=total, unit=unit, desc=what, mininterval=interval, disable=not shown)


@contextmanager
def prepared(given: Path | str, argument: str, chosen: str | Detector, options: Measuring) -> Iterator[MeasuredImages]:
    """The task, everything of it checked and loaded, for as long as the images are open."""
    with full_precision(), closing(open_images(Path(given), named(argument), options.say)) as source:
        device = choose_device(options.device)
        indices = _chosen(len(source), options, f"{named(argument)}={given}")
        if isinstance(chosen, str):
            detector, name = _load(chosen, source.shape, options, device), chosen
        else:
            detector, name = chosen, chosen.name
        yield MeasuredImages(argument, str(given), source, indices, name, detector, device, options)


def _load(name: str, shape: tuple[int, int, int], options: Measuring, device: torch.device) -> Detector:
    detector = load_detector(detector_card(name, options.detector_path, options.detector_sha256), shape, device)
    assert detector is not None  # 'none' is no kind of detector
    return detector


def _chosen(found: int, options: Measuring, given: str) -> Sequence[int]:
    """The indices that are measured, ascending; where there are more images, those that EDM's fid.py draws."""
    num = found if options.num is None else options.num
    if found < num:
        asked = f"{named('num')}={num}"
        raise UserError(f"{asked}: {given} holds {found} images; take {found} or fewer, or leave it out for all")
    if found < 2:
        raise UserError(f"{given}: holds one image, which has no statistics; two are the least")
    return drawn_indices(found, num, options.seed)


def drawn_indices(found: int, num: int, seed: int) -> Sequence[int]:
    """As many of them as asked for, ascending."""
    if num == found:
        return range(found)
    drawn = np.arange(found)
    np.random.RandomState(seed % 2**31).shuffle(drawn)
    return np.sort(drawn[:num]).tolist()
