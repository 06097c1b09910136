"""Measuring images that other programs made: their distance from a reference, or a reference made of them.

What is wrong is found before the detector sees the first image, but for what only decoding an image can tell. The
features are added up in the order of the images, so the figure is the same whatever the batch size, up to the
detector's own float32 rounding.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import Say
from bdia_edm.base.options import require
from bdia_edm.base.versions import installed_versions
from bdia_edm.config.cards import DETECTORS, detector_card
from bdia_edm.config.hydra_command import say as say_on_stderr
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.registry import detector_option
from bdia_edm.engine.precision import choose_device, fix_precision
from bdia_edm.images.image_source import ImageSource, open_images
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.reference import read_reference, reference_detector, write_reference
from bdia_edm.metrics.statistics import FeatureStatistics, too_few_images
from bdia_edm.run.loading import load_detector, locate

__all__ = ["MEASURING_DETECTORS", "Measuring", "make_reference", "measure"]

MEASURING_DETECTORS = tuple(name for name in DETECTORS if name != "none")

# Pillow's decoders can change the pixels of JPEG and WebP.
_DECIDING = ("torch", "numpy", "torch-fidelity", "pillow")


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How images are measured.

    Attributes:
        num: how many images, drawn by ``seed`` without replacement where there are more; None is all of them.
        detector: its name; None is the one that the reference names.
        detector_path: its file (a path, a URL or 'embedded:NAME'); None is the detector's own.
        detector_sha256: that file's checksum; a TorchScript file needs it.
        batch: images at once in the detector.
        device: 'auto', 'cpu' or 'cuda'.
        progress: whether a bar is shown on stderr.
        say: takes warnings.
    """

    num: int | None = None
    seed: int = 0
    detector: str | None = None
    detector_path: str | None = None
    detector_sha256: str | None = None
    batch: int = 64
    device: str = "auto"
    progress: bool = True
    say: Say = say_on_stderr

    def __post_init__(self) -> None:
        require(self.num is None or self.num >= 2, "--num", self.num, "at least 2: one image has no statistics")
        require(self.seed >= 0, "--seed", self.seed, "at least 0")
        require(self.batch >= 1, "--batch", self.batch, "at least 1")
        allowed = f"one of {', '.join(MEASURING_DETECTORS)}"
        require(self.detector in (None, *MEASURING_DETECTORS), "--detector", self.detector, allowed)
        if self.detector == "pixels" and self.detector_path is not None:
            raise UserError(f"--detector-path={self.detector_path}: the detector pixels has no file; leave it out")
        if self.detector_sha256 is not None and self.detector_path is None:
            raise UserError(f"--detector-sha256={self.detector_sha256}: is for --detector-path, which is not given")


def measure(images: Path | str, ref: Path | str, options: Measuring | None = None) -> dict[str, Any]:
    """The distance of images from reference statistics, with what is needed to have the same figure again.

    Args:
        images: what ``open_images`` takes.
        ref: an npz with mu and sigma: a path, a URL or 'embedded:NAME'.

    Returns:
        Plain values: 'metrics' with the distance, 'num_images' measured of 'num_found', the options in force,
        'checksums' of the pixels measured (in their order), the detector and the reference, and 'versions'.

    Raises:
        UserError: anything is wrong.
    """
    options = options or Measuring()
    path = locate(str(ref))
    named = reference_detector(path, "--ref")
    name = options.detector or (named and (detector_option(named) or named))
    if name is None:
        allowed = ", ".join(MEASURING_DETECTORS)
        raise UserError(f"--detector: missing; --ref={path} does not name the detector it was made with: {allowed}")
    if name not in MEASURING_DETECTORS:
        raise UserError(f"--ref={path}: made with the detector {name}; there are {', '.join(MEASURING_DETECTORS)}")
    with closing(open_images(Path(images))) as source:
        task = _Task.prepare(images, source, name, options)
        reference = read_reference(path, task.detector.name, task.detector.num_features, "--ref")
        statistics, digest = task.run()
    distance = frechet_distance(*statistics.mean_and_covariance(), reference.mean, reference.covariance)
    checksums = {"images": digest, "detector": task.detector.checksum, "reference": reference.checksum}
    return {
        "metrics": {task.detector.distance_name: distance},
        "reference": str(ref),
        **task.described(),
        "checksums": checksums,
        "versions": installed_versions(*_DECIDING),
        "command": task.command("calc", "--ref", str(ref)),
    }


def make_reference(
    data: Path | str, dest: Path, options: Measuring | None = None, *, force: bool = False
) -> dict[str, Any]:
    """Writes the reference statistics of images to the npz ``dest``.

    Args:
        data: what ``open_images`` takes.
        force: whether a ``dest`` that exists is replaced.

    Returns:
        As ``measure``, without 'metrics'; the checksum of the reference is the one that a run's record will hold.

    Raises:
        UserError: anything is wrong; ``dest`` is then as it was.
    """
    options = options or Measuring()
    if options.detector is None:
        raise UserError(f"--detector: missing; one of {', '.join(MEASURING_DETECTORS)}")
    _require_place(dest, force)
    with closing(open_images(Path(data), "--data")) as source:
        task = _Task.prepare(data, source, options.detector, options, "--data")
        statistics, digest = task.run()
    try:
        write_reference(dest, statistics, task.detector.name)
    except OSError as error:
        raise UserError(f"--dest={dest}: cannot be written: {error.strerror}") from error
    written = hashlib.sha256(dest.read_bytes()).hexdigest()
    checksums = {"images": digest, "detector": task.detector.checksum, "reference": written}
    return {
        "reference": str(dest),
        **task.described(),
        "checksums": checksums,
        "versions": installed_versions(*_DECIDING),
        "command": task.command("ref", "--dest", str(dest)),
    }


@dataclass(frozen=True)
class _Task:
    """Checked images and their detector; ``option``, ``given`` and ``name`` are what the user typed for them."""

    option: str
    given: str
    source: ImageSource
    indices: Sequence[int]
    name: str
    detector: Detector
    device: torch.device
    options: Measuring

    @classmethod
    def prepare(
        cls, given: Path | str, source: ImageSource, name: str, options: Measuring, option: str = "--images"
    ) -> _Task:
        device = choose_device(options.device)
        fix_precision()
        indices = _chosen(len(source), options, f"{option}={given}")
        card = detector_card(name, options.detector_path, options.detector_sha256)
        detector = load_detector(card, source.shape, device)
        assert detector is not None
        warning = too_few_images(len(indices), detector.num_features)
        if warning:
            options.say(warning)
        return cls(option, str(given), source, indices, name, detector, device, options)

    @torch.inference_mode()
    def run(self) -> tuple[FeatureStatistics, str]:
        """The statistics of the features, and the SHA-256 of the shape and the pixels."""
        self.source.check(self.indices)
        statistics = FeatureStatistics(self.detector.num_features)
        digest = hashlib.sha256(repr(self.source.shape).encode())
        # Without a terminal a bar would fill a log file with lines.
        interval = 0.1 if sys.stderr.isatty() else 30
        shown = tqdm(
            total=len(self.indices),
            unit="images",
            desc=self.detector.name,
            mininterval=interval,
            disable=not self.options.progress,
        )
        with shown as bar, closing(self._batches()) as batches:
            for pixels in batches:
                digest.update(pixels.data)
                images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(self.device)
                statistics.add(self._features(images))
                bar.update(len(pixels))
        return statistics, digest.hexdigest()

    def described(self) -> dict[str, Any]:
        """What the figure depends on beside the files' contents."""
        options = self.options
        return {
            "images": self.given,
            "num_images": len(self.indices),
            "num_found": len(self.source),
            "seed": options.seed,
            "shape": list(self.source.shape),
            "detector": self.detector.name,
            "detector_path": options.detector_path,
            "batch": options.batch,
            "device": self.device.type,
            "threads": torch.get_num_threads(),
        }

    def command(self, name: str, *more: str) -> str:
        """The shell line that does the same again, every option said."""
        options = self.options
        line = ["python", "-m", "bdia_edm.fid", name, self.option, self.given, *more]
        line += ["--num", str(len(self.indices)), "--seed", str(options.seed), "--detector", self.name]
        if options.detector_path is not None:
            line += ["--detector-path", options.detector_path]
        if options.detector_sha256 is not None:
            line += ["--detector-sha256", options.detector_sha256]
        return shlex.join([*line, "--batch", str(options.batch), "--device", self.device.type])

    def _batches(self) -> Generator[NDArray[np.uint8], None, None]:
        """The pixels (n, H, W, C) batch by batch; the next is read while this one is in the detector."""
        size = self.options.batch
        parts = [self.indices[first : first + size] for first in range(0, len(self.indices), size)]
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self.source.read, parts[0])
            for part in parts[1:]:
                pixels = coming.result()
                coming = reader.submit(self.source.read, part)
                yield pixels
            yield coming.result()

    def _features(self, images: torch.Tensor) -> NDArray[np.float32]:
        try:
            features = self.detector(images).cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"--batch={self.options.batch}: does not fit into the GPU's memory with {self.detector.name}; "
                "take a smaller one"
            ) from error
        if not np.isfinite(features).all():
            raise UserError(f"--detector={self.detector.name}: gives features that are not finite; its file is not fit")
        return features


def _chosen(found: int, options: Measuring, given: str) -> Sequence[int]:
    """The indices that are measured, ascending."""
    num = found if options.num is None else options.num
    if found < num:
        raise UserError(f"--num={num}: {given} holds {found} images; take {found} or fewer, or leave it out for all")
    if found < 2:
        raise UserError(f"{given}: holds one image, which has no statistics; two are the least")
    if num == found:
        return range(found)
    drawn = np.random.Generator(np.random.PCG64(options.seed)).choice(found, num, replace=False)
    return np.sort(drawn).tolist()


def _require_place(dest: Path, force: bool) -> None:
    require(dest.suffix == ".npz", "--dest", dest, "a file name that ends in .npz")
    if dest.is_dir() or (dest.exists() and not force):
        raise UserError(
            f"--dest={dest}: is there already; " + ("it is a folder" if dest.is_dir() else "--force replaces it")
        )
    try:
        with tempfile.NamedTemporaryFile(dir=dest.parent):
            pass
    except OSError as error:
        raise UserError(f"--dest={dest}: its folder cannot be written: {error.strerror}") from error
