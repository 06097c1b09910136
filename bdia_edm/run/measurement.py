"""Measuring images that other programs made: their distance from a reference, or a reference made of them.

What is wrong is found before the detector sees the first image, but for what only decoding an image can tell. The
features are added up in the order of the images, so the figures are the same whatever the batch size, up to the
detector's own float32 rounding.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named, options_named
from bdia_edm.base.options import require
from bdia_edm.base.urls import without_secrets
from bdia_edm.base.versions import code_version, installed_versions
from bdia_edm.checkpoints.locating import locate
from bdia_edm.detectors.registry import DETECTORS, detector_option
from bdia_edm.metrics.metric import REFERENCE_FEATURES, FeatureSpace, about_figures, compute_all, needs_of
from bdia_edm.metrics.reference import read_reference, reference_detector, with_features, write_reference
from bdia_edm.run.measured_images import KeptFeatures, drawn_indices, prepared
from bdia_edm.run.measuring import Measuring

__all__ = ["DECIDING", "FEATURES_KEPT", "Measuring", "make_reference", "measure"]

FEATURES_KEPT = 10_000
"""How many images' features a reference keeps where the user does not say it: ADM's number for precision and recall."""

# Pillow's decoders can change the pixels of JPEG and WebP.
DECIDING = ("torch", "numpy", "torch-fidelity", "pillow")
"""Whose versions can change a figure."""


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
        with prepared(images, "images", detector, options) as task:
            name, num_logits = task.detector.name, task.detector.num_logits
            reference = read_reference(path, name, task.detector.num_features, named("ref"))
            needs = needs_of(metrics, name, num_logits)
            if REFERENCE_FEATURES in needs:
                reference = with_features(reference, path, beside, name, named("ref"), named("ref_features"))
            needs_of(metrics, name, num_logits, reference, len(task.indices))
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
        "versions": installed_versions(*DECIDING),
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
        with prepared(data, "data", options.detector, options) as task:
            kept = KeptFeatures(drawn_indices(len(task.indices), min(features, len(task.indices)), task.options.seed))
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
        "versions": installed_versions(*DECIDING),
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
