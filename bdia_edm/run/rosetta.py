"""The same images and the same data under every protocol in use: what a figure owes to how it was measured.

Every image is decoded once and goes through all detectors, the data's too, as each protocol needs statistics of its
own. Moments are added up in the images' order in float64, so a row is what ``fid calc`` gives for its detector against
what ``fid ref`` makes of the data.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.base.option_names import options_named
from bdia_edm.base.urls import without_secrets
from bdia_edm.base.versions import code_version, installed_versions
from bdia_edm.engine.precision import full_precision
from bdia_edm.images.float_images import RANGES, FloatImages, rounded, truncated
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.inception_score import adm_inception_score
from bdia_edm.metrics.statistics import too_few_images
from bdia_edm.run.comparing_protocols import Comparing
from bdia_edm.run.measured_images import shown_progress
from bdia_edm.run.measurement import DECIDING
from bdia_edm.run.protocols import PROTOCOLS, Protocol
from bdia_edm.run.rosetta_parts import Moments, RosettaParts, prepared_parts
from bdia_edm.run.several_views import Seen, View, look

__all__ = ["compare_protocols"]

Convert = Callable[[NDArray[Any]], NDArray[np.uint8]]
_TRUNCATED = "truncated"
_TRUNCATED_BY = "images of guided-diffusion's image_sample.py; EDM's generate.py rounds"
_EIGHT_BIT = "the images are 8-bit already; floats (an npz with arr_0 from before the conversion) would show it"


def compare_protocols(
    images: Path | str,
    data: Path | str,
    options: Comparing | None = None,
    *,
    references: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The figures of images against the data under every protocol.

    Args:
        images: what ``open_images`` takes, or an npz whose `arr_0` holds floats.
        data: what ``open_images`` takes.
        references: by a protocol's name a file of statistics in its features, in place of those of ``data``.

    Returns:
        Plain values: 'rows', and what is needed to have the same ones again, as ``measure`` says it. A row has what
        its protocol does, 'num_images' and 'num_data' (None for a file), and the figures: 'fid', 'difference' from the
        first row of its block that has a 'fid', 'feature_change' from the features of the first protocol at hand (mean
        relative norm on the same images), 'sfid', 'inception_score'. One that there is not is None; where 'fid' is,
        'missing' says why. 'keeps_rule' says whether these are as many images as the protocol's 'rule' asks for.

    Raises:
        UserError: anything is wrong but that NVIDIA's file cannot be had.
    """
    options, references = options or Comparing(), dict(references or {})
    with options_named(_as_argument), full_precision():
        with prepared_parts(str(images), str(data), references, options) as parts:
            views = _views(parts, options)
            nums = {num for view in views.values() for num in view.nums}
            _warn(min(len(parts.data), *nums), parts, options)
            see = partial(look, seed=options.seed, batch=options.batch, device=parts.device, progress=options.progress)
            statistics, data_checksum = _of_data(parts, see)
            seen = see(parts.images.read, parts.images.shape, len(parts.images), views, what="images")
            rows = _rows(parts, _Figures(parts, statistics, seen), options.progress)
        checksums = {"images": seen.digest, "data": data_checksum}
        checksums |= {f"detector {name}": detector.checksum for name, detector in parts.detectors.items()}
        checksums |= {f"reference {name}": file.checksum for name, file in parts.files.items()}
        return {
            "rows": rows,
            "compared_with": _first(parts).name,
            "images": str(images),
            "num_found": len(parts.images),
            "shape": list(parts.images.shape),
            "float_range": options.float_range,
            "data": str(data),
            "data_shape": list(parts.data.shape),
            "references": {name: without_secrets(file) for name, file in references.items()},
            "seed": options.seed,
            "batch": options.batch,
            "device": parts.device.type,
            "threads": torch.get_num_threads(),
            "checksums": checksums,
            "versions": installed_versions(*DECIDING),
            "code": code_version(),
            "command": _command(str(images), str(data), references, options, parts.device),
        }


def _first(parts: RosettaParts) -> Protocol:
    """The first protocol at hand, with which all others are compared."""
    return next(protocol for protocol in PROTOCOLS if protocol.detector in parts.detectors)


def _views(parts: RosettaParts, options: Comparing) -> dict[str, View]:
    """How the images are seen, by the first protocol first."""
    convert: Convert = _as_they_are
    if options.float_range is not None:
        factor, summand = RANGES[options.float_range]
        convert = partial(rounded, factor=factor, summand=summand)
    views: dict[str, View] = {}
    for name, detector in parts.detectors.items():
        users = [protocol for protocol in PROTOCOLS if name in (protocol.detector, protocol.spatial)]
        nums = frozenset(block[protocol.name] for block in parts.blocks for protocol in users)
        scored = any(protocol.scored and name == protocol.detector for protocol in users)
        views[name] = View(detector, nums, convert, scored and detector.num_logits > 0)
    if options.float_range is not None:
        first = _first(parts)
        cut = partial(truncated, factor=factor, summand=summand)
        views[_TRUNCATED] = View(parts.detectors[first.detector], frozenset({parts.blocks[0][first.name]}), cut)
    return views


def _as_they_are(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return pixels


def _warn(fewest: int, parts: RosettaParts, options: Comparing) -> None:
    if warning := too_few_images(fewest, parts.detectors[_first(parts).detector].num_features):
        options.say(warning)


def _of_data(parts: RosettaParts, see: Callable[..., Seen]) -> tuple[dict[str, Moments], str]:
    """The data's statistics by detector, and the checksum of its pixels."""
    everything = frozenset({len(parts.data)})
    # The others have files of their own; the pixels' checksum is there in any case.
    asking = [protocol for protocol in PROTOCOLS if protocol.name not in parts.files] or [_first(parts)]
    wanted = {name for protocol in asking for name in (protocol.detector, protocol.spatial)}
    views = {
        name: View(detector, everything, _as_they_are) for name, detector in parts.detectors.items() if name in wanted
    }
    seen = see(parts.data.read, parts.data.shape, len(parts.data), views, what="data")
    return {name: findings.moments for (name, _), findings in seen.findings.items()}, seen.digest


class _Figures:
    """The figures of what was seen; each distance is computed once, however many rows have it.

    Args:
        statistics: the data's, by detector.
        seen: of the images.
    """

    def __init__(self, parts: RosettaParts, statistics: Mapping[str, Moments], seen: Seen) -> None:
        self._parts, self._statistics, self._seen = parts, statistics, seen
        self._known: dict[tuple[str, int, str], float] = {}

    def distance(self, view: str, num: int, protocol: Protocol) -> float:
        """The protocol's distance in a view of so many images."""
        file = self._parts.files.get(protocol.name)
        key = (view, num, "" if file is None else protocol.name)
        if key not in self._known:
            against = self._statistics[protocol.detector] if file is None else file.moments
            self._known[key] = frechet_distance(*self._seen.findings[view, num].moments, *against)
        return self._known[key]

    def spatial_distance(self, num: int, protocol: Protocol) -> float | None:
        """The sFID; None where the protocol has none, or the file of its statistics has none for it."""
        file = self._parts.files.get(protocol.name)
        against = self._statistics.get(protocol.spatial) if file is None else file.spatial
        if not protocol.spatial or against is None:
            return None
        return frechet_distance(*self._seen.findings[protocol.spatial, num].moments, *against)

    def change(self, view: str, num: int) -> float | None:
        """That of the features, from the first protocol's; None for that one itself."""
        return self._seen.changes.get((view, num))

    def score(self, num: int, protocol: Protocol) -> float | None:
        """The Inception score; None where the protocol has none."""
        if not protocol.scored or not self._parts.detectors[protocol.detector].num_logits:
            return None
        return adm_inception_score(self._seen.findings[protocol.detector, num].logits)


def _rows(parts: RosettaParts, figures: _Figures, progress: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    first = _first(parts)
    total = sum(len(block) for block in parts.blocks) + 1
    with shown_progress(total, "distances", progress, "rows") as bar:
        for block in parts.blocks:
            num_compared = block[first.name]
            compared = figures.distance(first.detector, num_compared, first)
            for protocol in PROTOCOLS:
                num = block[protocol.name]
                row = _described(protocol, num, parts)
                if protocol.detector not in parts.detectors:
                    row["missing"] = parts.without_nvidia
                else:
                    row["fid"] = figures.distance(protocol.detector, num, protocol)
                    row["difference"] = None if protocol is first else row["fid"] - compared
                    row["feature_change"] = figures.change(protocol.detector, num)
                    row["sfid"] = figures.spatial_distance(num, protocol)
                    row["inception_score"] = figures.score(num, protocol)
                rows.append(row)
                bar.update()
        num = parts.blocks[0][first.name]
        row = _described(first, num, parts) | {"protocol": _TRUNCATED, "used_by": _TRUNCATED_BY}
        row["title"] = f"{first.name} of images truncated to uint8"
        if isinstance(parts.images, FloatImages):
            row["to_uint8"] = _TRUNCATED
            row["fid"] = figures.distance(_TRUNCATED, num, first)
            row["difference"] = row["fid"] - figures.distance(first.detector, num, first)
            row["feature_change"] = figures.change(_TRUNCATED, num)
        else:
            row["missing"] = _EIGHT_BIT
        rows.append(row)
        bar.update()
    return rows


def _described(protocol: Protocol, num: int, parts: RosettaParts) -> dict[str, Any]:
    """A row without figures."""
    from_file = protocol.name in parts.files
    converted = "rounded" if isinstance(parts.images, FloatImages) else None
    return {
        "protocol": protocol.name,
        "title": protocol.title,
        "detector": protocol.detector,
        "resize": protocol.resize,
        "range": protocol.entering,
        "to_uint8": converted,
        "rule": protocol.rule,
        "num_images": num,
        "num_data": None if from_file else len(parts.data),
        "keeps_rule": protocol.takes(num),
        **dict.fromkeys(("fid", "difference", "feature_change", "sfid", "inception_score", "missing")),
        "used_by": protocol.used_by,
    }


def _command(images: str, data: str, references: Mapping[str, str], options: Comparing, device: torch.device) -> str:
    """The shell line that does the same again, every option said."""
    line = ["python", "-m", "bdia_edm.fid", "protocols", "--images", images, "--ref", data]
    line += [word for name, file in references.items() for word in ("--ref", f"{name}={without_secrets(file)}")]
    line += [word for num in options.num for word in ("--num", str(num))]
    line += ["--seed", str(options.seed)]
    for name in ("weights", "nvidia", "nvidia_sha256", "float_range"):
        if (value := getattr(options, name)) is not None:
            line += [f"--{name.replace('_', '-')}", without_secrets(value)]
    return shlex.join([*line, "--batch", str(options.batch), "--device", device.type])


def _as_argument(option: str) -> str:
    """A run's option as an argument here: the one checksum that must be given is that of NVIDIA's file."""
    return "nvidia_sha256" if option == "detector.sha256" else option
