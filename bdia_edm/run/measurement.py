"""Measuring images that other programs made: their distance from a reference, or a reference made of them.

What is wrong is found before the detector sees the first image, but for what only decoding an image can tell. The
features are added up in the order of the images, so the figures are the same whatever the batch size, up to the
detector's own float32 rounding.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named, options_named
from bdia_edm.base.options import require
from bdia_edm.base.urls import without_secrets
from bdia_edm.base.versions import code_version, installed_versions
from bdia_edm.checkpoints.locating import locate
from bdia_edm.config.detector_card import detector_card
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.registry import DETECTORS, detector_option
from bdia_edm.engine.device import choose_device, says_out_of_memory
from bdia_edm.engine.precision import full_precision
from bdia_edm.images.image_source import ImageSource, open_images
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.metric import REFERENCE_FEATURES, FeatureSpace, about_figures, compute_all, needs_of
from bdia_edm.metrics.reference import read_reference, reference_detector, with_features, write_reference
from bdia_edm.metrics.statistics import too_few_images
from bdia_edm.run.loading import load_detector
from bdia_edm.run.measuring import Measuring

__all__ = ["FEATURES_KEPT", "Measuring", "make_reference", "measure"]

FEATURES_KEPT = 10_000
"""How many images' features a reference keeps where the user does not say it: ADM's number for precision and recall."""

# Pillow's decoders can change the pixels of JPEG and WebP.
_DECIDING = ("torch", "numpy", "torch-fidelity", "pillow")


def measure(
    images: Path | str, ref: Path | str, options: Measuring | None = None, *, ref_features: Path | str | None = None
) -> dict[str, Any]:
    """The figures of images against reference statistics, with what is needed to have the same ones again.

    Args:
        images: what ``open_images`` takes.
        ref: an npz with mu and sigma: a path, a URL or 'embedded:NAME'.
        ref_features: another one with features of the data, for metrics that need them where ``ref`` keeps none.

    Returns:
        Plain values: 'metrics' with every figure, 'num_images' measured of 'num_found', the options in force,
        'checksums' of the pixels measured (in their order), the detector and the reference, and 'versions'.

    Raises:
        UserError: anything is wrong.
    """
    options = options or Measuring()
    metrics = options.metrics
    with options_named(_as_argument):
        path, beside = locate(str(ref)), None if ref_features is None else locate(str(ref_features))
        detector = options.detector or _detector_of(path)
        with _prepared(images, "images", detector, options) as task:
            name, num_logits = task.detector.name, task.detector.num_logits
            reference = read_reference(path, name, task.detector.num_features, named("ref"))
            needs = needs_of(metrics, name, num_logits)
            if REFERENCE_FEATURES in needs:
                reference = with_features(reference, path, beside, name, named("ref"), named("ref_features"))
            needs_of(metrics, name, num_logits, reference)
            findings, digest = task.run(needs)
        space = FeatureSpace(task.detector.name, task.detector.distance_name)
        figures = compute_all(metrics, findings, reference, space)
    checksums = {"images": digest, "detector": task.detector.checksum, "reference": reference.checksum}
    given = ["--ref", str(ref)]
    if reference.features_checksum:
        checksums["reference features"] = reference.features_checksum
        given += ["--ref-features", str(ref_features)]
    names = [metric.name for metric in metrics]
    chosen = [word for name in names for word in ("--metric", name)]
    return {
        "metrics": figures,
        **about_figures(metrics, figures, reference, space),
        "reference": without_secrets(str(ref)),
        **task.described(),
        "metric": names,
        "checksums": checksums,
        "versions": installed_versions(*_DECIDING),
        "code": code_version(),
        "command": task.command("calc", *given, *chosen),
    }


def make_reference(
    data: Path | str, dest: Path, options: Measuring | None = None, *, force: bool = False, features: int = 0
) -> dict[str, Any]:
    """Writes the reference statistics of images to the npz ``dest``.

    Args:
        data: what ``open_images`` takes.
        force: whether a ``dest`` that exists is replaced.
        features: of how many images the file keeps the features too, drawn by the seed where there are more.

    Returns:
        As ``measure``, without 'metrics', with 'num_features_kept'; the checksum of the reference is the one that a
        run's record will hold.

    Raises:
        UserError: anything is wrong; ``dest`` is then as it was.
    """
    options = options or Measuring()
    with options_named(_as_argument):
        if options.detector is None:
            raise UserError(f"{named('detector')}: missing; one of {', '.join(DETECTORS.names())}")
        require(features >= 0, "features", features, "0 or more")
        _require_place(dest, force)
        with _prepared(data, "data", options.detector, options) as task:
            kept = _Kept(_drawn(len(task.indices), min(features, len(task.indices)), task.options.seed))
            findings, digest = task.run({"moments"}, kept)
        try:
            write_reference(dest, findings.statistics, task.detector.name, kept.features if features else None)
        except OSError as error:
            raise UserError(f"{named('dest')}={dest}: cannot be written: {error.strerror}") from error
    written = hashlib.sha256(dest.read_bytes()).hexdigest()
    checksums = {"images": digest, "detector": task.detector.checksum, "reference": written}
    return {
        "reference": str(dest),
        "num_features_kept": len(kept.indices),
        **task.described(),
        "checksums": checksums,
        "versions": installed_versions(*_DECIDING),
        "code": code_version(),
        "command": task.command("ref", "--dest", str(dest), *(["--features", str(features)] if features else [])),
    }


def _as_argument(option: str) -> str:
    """A run's option as an argument of this module's functions: 'detector.sha256' is 'detector_sha256' here."""
    return option.replace(".", "_")


def _detector_of(reference: Path) -> str:
    """What the user would type for the detector that a reference names."""
    known = ", ".join(DETECTORS.names())
    found = reference_detector(reference, named("ref"))
    if found is None:
        given = f"{named('ref')}={reference}"
        raise UserError(f"{named('detector')}: missing; {given} does not name the one it was made with: {known}")
    option = detector_option(found)
    if option is None:
        raise UserError(f"{named('ref')}={reference}: made with the detector {found}; there are {known}")
    return option


class _Kept:
    """Features of some of the images, of which there may be too many to hold them all.

    Args:
        indices: places of these images among all, ascending.
    """

    def __init__(self, indices: Sequence[int]) -> None:
        self.indices = np.array(indices, np.int64)
        self._seen = 0
        self._parts: list[NDArray[np.float32]] = []

    def add(self, features: NDArray[np.float32]) -> None:
        first, last = np.searchsorted(self.indices, [self._seen, self._seen + len(features)])
        self._parts.append(features[self.indices[first:last] - self._seen])
        self._seen += len(features)

    @property
    def features(self) -> NDArray[np.float32]:
        return np.concatenate(self._parts)


@dataclass(frozen=True)
class _Task:
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
    def run(self, needs: Set[str], kept: _Kept | None = None) -> tuple[Findings, str]:
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
        # Without a terminal a bar would fill a log file with lines.
        interval = 0.1 if sys.stderr.isatty() else 30
        shown = tqdm(
            total=len(self.indices),
            unit="images",
            desc=detector.name,
            mininterval=interval,
            disable=not options.progress,
        )
        with shown as bar, closing(self._batches()) as batches:
            for pixels in batches:
                digest.update(pixels.data)
                seen = self._seen(pixels, "logits" in needs)
                findings.add(*seen)
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

    def _seen(self, pixels: NDArray[np.uint8], with_logits: bool) -> list[NDArray[np.float32]]:
        """The features of images (n, H, W, C) and, where they are needed, logits."""
        detector = self.detector
        try:
            images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(self.device)
            found = detector.with_logits(images) if with_logits else (detector(images),)
            values = [each.cpu().numpy() for each in found]
        except (RuntimeError, MemoryError) as error:
            if not says_out_of_memory(error):
                raise
            raise UserError(
                f"{named('batch')}={self.options.batch}: does not fit into the device's memory with {detector.name}; "
                "take a smaller one"
            ) from error
        if not all(np.isfinite(each).all() for each in values):
            given = f"{named('detector')}={detector.name}"
            raise UserError(f"{given}: gives features that are not finite; its file is not fit")
        return values


@contextmanager
def _prepared(given: Path | str, argument: str, chosen: str | Detector, options: Measuring) -> Iterator[_Task]:
    """The task, everything of it checked and loaded, for as long as the images are open."""
    with full_precision(), closing(open_images(Path(given), named(argument), options.say)) as source:
        device = choose_device(options.device)
        indices = _chosen(len(source), options, f"{named(argument)}={given}")
        if isinstance(chosen, str):
            detector, name = _load(chosen, source.shape, options, device), chosen
        else:
            detector, name = chosen, chosen.name
        yield _Task(argument, str(given), source, indices, name, detector, device, options)


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
    return _drawn(found, num, options.seed)


def _drawn(found: int, num: int, seed: int) -> Sequence[int]:
    """As many of them as asked for, ascending."""
    if num == found:
        return range(found)
    drawn = np.arange(found)
    np.random.RandomState(seed % 2**31).shuffle(drawn)
    return np.sort(drawn[:num]).tolist()


def _require_place(dest: Path, force: bool) -> None:
    require(dest.suffix == ".npz", "dest", dest, "a file name that ends in .npz")
    given = f"{named('dest')}={dest}"
    if dest.is_dir():
        raise UserError(f"{given}: is there already; it is a folder")
    if dest.exists() and not force:
        raise UserError(f"{given}: is there already; {named('force=True')} replaces it")
    try:
        with tempfile.NamedTemporaryFile(dir=dest.parent):
            pass
    except OSError as error:
        raise UserError(f"{given}: its folder cannot be written: {error.strerror}") from error
