"""From a checked config to a run: its denoiser, detector, reference and metrics, each loaded and held to the others.

What is wrong is found here, before the first image. What runs that exist at the same time have in common is loaded
once; it goes with the last of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.launched import launched_ranks
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.checkpoints.locating import fetch_files, locate, remote_files
from bdia_edm.config.common_config import AnyConfig
from bdia_edm.config.detector_card import NONE, DetectorCard
from bdia_edm.config.model_card import ModelCard
from bdia_edm.config.run_config import RunConfig
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.loading import load as load_kind
from bdia_edm.detectors.registry import DETECTORS, detector_option
from bdia_edm.engine.device import choose_device
from bdia_edm.engine.plan import format_seeds
from bdia_edm.images.grids import PNG_CHANNELS
from bdia_edm.metrics.metric import REFERENCE_FEATURES, Metric, make_metrics
from bdia_edm.metrics.reference import Reference, reference_detector
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.run.encoders import Encoder, Measurement
from bdia_edm.run.own_parts import OwnParts, own_sources, state_checksum
from bdia_edm.run.run import AnyRun, Run, count_workers
from bdia_edm.samplers.churn import ChurnSampler
from bdia_edm.samplers.denoising import BatchDenoiser

__all__ = ["check_class", "check_workers", "load_denoiser", "load_detector", "load_reference", "place_of"]
__all__ += ["prepare_run", "require_writable"]

T = TypeVar("T")


def prepare_run(config: RunConfig, command: str, own: OwnParts | None = None) -> Run:
    """Reads network, detector and reference, and checks them against the config.

    Args:
        command: what the user typed, for the record.
        own: objects instead of what the config names.

    Raises:
        UserError: anything is wrong.
    """
    own = own or OwnParts()
    if own.any:
        config, command = _with_own_parts(config, own), f"{command}  # with the caller's own {', '.join(own.names)}"
    own_name = None if own.detector is None else own.detector.name
    _check_measured(config, own_name)
    if own.detector is None:
        _check_reference_detectors(config)
    device, device_type = place_of(config)
    fetch_files(config.remote_files)
    if own.denoiser is None:
        denoiser, checksum = load_denoiser(config.model, device)
    else:
        denoiser, checksum = own.denoiser, state_checksum("denoiser", own.denoiser)
    checksums = {"model": checksum}
    if config.class_idx is not None:
        check_class(config.class_idx, denoiser.label_dim)
    _check_images(config.save_images, denoiser.img_channels)
    config.sampler.check_range(BatchDenoiser(denoiser))
    shape = (denoiser.img_channels, denoiser.img_resolution, denoiser.img_resolution)
    metrics: tuple[Metric, ...] = ()
    encoders: tuple[Encoder, ...] = ()
    if config.detectors or own.detector is not None:
        metrics = tuple(make_metrics(config.metric if own.metrics is None else own.metrics))
        encoders = _encoders(config, own.detector, metrics, shape, device)
        _check_deterministic(config, metrics)
        Measurement(encoders, metrics, len(config.seeds))  # refuses what cannot be measured
    for place, encoder in enumerate(encoders):
        which = f" {encoder.detector.name}" if place else ""
        checksums |= {f"detector{which}": encoder.detector.checksum, f"reference{which}": encoder.reference.checksum}
        # Only where they are needed: the identity of other runs does not depend on them.
        if encoder.reference.features_checksum:
            checksums[f"reference{which} features"] = encoder.reference.features_checksum
    if own.metrics is not None:
        checksums |= {f"metric {metric.name}": state_checksum(f"metric {metric.name}", metric) for metric in metrics}
    parts: dict[str, type] = {"model": type(config.model), "sampler": type(config.sampler), "denoiser": type(denoiser)}
    for place, encoder in enumerate(encoders):
        which = f"detector {encoder.detector.name}" if place else "detector"
        parts |= {which: type(encoder.detector), f"{which}'s network": type(getattr(encoder.detector, "network", None))}
    if own.detector is None:
        for place, card in enumerate(config.detectors):
            parts[f"kind of detector {card.name}" if place else "kind of detector"] = DETECTORS[card.name]
    parts |= {f"metric {metric.name}": type(metric) for metric in metrics}
    checksums |= own_sources(parts)
    run = Run(
        config=config,
        command=command,
        denoiser=denoiser,
        encoders=encoders,
        metrics=metrics,
        device=device,
        device_type=device_type,
        checksums=checksums,
        portable=not own.any,
    )
    check_workers(run)
    require_writable(Path(config.results_dir))
    return run


def place_of(config: AnyConfig) -> tuple[torch.device, str]:
    """Where to load what the run needs, and the type of the device where the images will be made."""
    device = choose_device(config.device)
    if launched_ranks() is None and count_workers(config, device.type) > 1:
        # Others will work: what is loaded here is only looked at, and takes no memory of theirs.
        return torch.device("cpu"), device.type
    return device, device.type


def load_denoiser(card: ModelCard, device: torch.device) -> tuple[Denoiser, str]:
    """The card's denoiser and its checksum.

    Raises:
        UserError: the file is missing or is no network.
    """
    checksum = card.checksum()
    return _shared(("denoiser", card, checksum, device), lambda: card.load(device)), checksum


def load_detector(card: DetectorCard, shape: tuple[int, int, int], device: torch.device) -> Detector | None:
    """The card's detector for images of ``shape`` (C, H, W); None for detector=none.

    Raises:
        UserError: the file is missing or is no such detector, or the detector does not take such images.
    """
    if card.name == NONE:
        return None
    # Before anything is fetched.
    DETECTORS[card.name].check_shape(shape)
    path = None if card.path is None else locate(card.path, card.sha256, "detector")
    key = ("detector", card, _file_checksum(path), shape, device)
    return _shared(key, lambda: load_kind(card.name, path, card.sha256, shape, device))


def load_reference(card: ModelCard, detector: Detector, features: bool = False, file: str | None = None) -> Reference:
    """The data's statistics in the detector's features.

    Args:
        features: whether features of single images come with them, where there are any.
        file: instead of the card's ``reference``, one of its ``references``.

    Raises:
        UserError: a file is missing or not fit for this detector.
    """
    beside = _file_checksum(card.reference_features_file()) if features and file is None else features
    path = card.reference_file() if file is None else locate(file, None, "model.references")
    key = ("reference", card, file, _file_checksum(path), detector.name, detector.checksum, beside)
    return _shared(key, lambda: card.load_reference(detector, features, file))


_LOADED: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()


def _shared(key: Hashable, load: Callable[[], T]) -> T:
    """What was loaded under ``key``, while somebody still holds it, or else what ``load`` gives."""
    found = _LOADED.get(key)
    if found is None:
        found = _LOADED[key] = load()
    return cast(T, found)


def _file_checksum(path: Path | None) -> str:
    # What is wrong with a file that is not there says who reads it.
    return file_sha256(path) if path is not None and path.is_file() else ""


def _with_own_parts(config: RunConfig, own: OwnParts) -> RunConfig:
    """The config as it is with these parts."""
    if config.workers == "auto":
        # Objects stay in this process.
        config = replace(config, workers=1)
    if own.metrics is None:
        return config
    # None by its name; the objects are in the checksums.
    return replace(config, metric=(), source={**config.source, "metric": [metric.name for metric in own.metrics]})


def _encoders(
    config: RunConfig,
    own: Detector | None,
    metrics: Sequence[Metric],
    shape: tuple[int, int, int],
    device: torch.device,
) -> tuple[Encoder, ...]:
    """The detectors for images of ``shape`` (C, H, W), each with its reference; of ``own`` alone, where it is one."""
    features = any(REFERENCE_FEATURES in metric.needs for metric in metrics)
    if own is not None:
        return (Encoder(own, load_reference(config.model, own, features)),)
    found: list[Encoder] = []
    for card in config.detectors:
        detector = load_detector(card, shape, device)
        assert detector is not None  # none is no card of these
        file = config.model.reference_of(card.name, is_first=not found)
        same = file == config.model.reference
        found.append(Encoder(detector, load_reference(config.model, detector, features, None if same else file)))
    return tuple(found)


def _check_deterministic(config: RunConfig, metrics: Sequence[Metric]) -> None:
    churned = isinstance(config.sampler, ChurnSampler) and config.sampler.S_churn > 0
    for metric in metrics:
        if churned and "ode_errors" in metric.needs:
            raise UserError(f"metric={metric.name}: is of samplers of the ODE; take sampler.S_churn=0, or leave it out")


def _check_measured(config: RunConfig, own_detector: str | None) -> None:
    if not config.detectors and own_detector is None:
        return
    if len(config.seeds) < 2:
        raise UserError(
            f"seeds={format_seeds(config.seeds)}: one image has no statistics; take two seeds or more, or detector=none"
        )
    known = config.model.reference is not None or own_detector is None
    for name in [card.name for card in config.detectors] if own_detector is None else [own_detector]:
        if known and (own_detector is not None or config.model.reference_of(name, name == config.detector.name)):
            continue
        raise UserError(
            "model.reference: missing; distances need the data's statistics (an npz with mu and sigma, as "
            "python -m bdia_edm.fid ref makes it), and detector=none measures none"
        )


def _check_reference_detectors(config: RunConfig) -> None:
    """Before anything is fetched: a reference that is at hand says itself whose features it is of."""
    model = config.model
    for card in config.detectors:
        given = model.reference_of(card.name, card is config.detector)
        if given is None or remote_files(given):
            continue
        option = "model.reference" if given == model.reference else f"model.references.{card.name}"
        path = model.reference_file() if given == model.reference else locate(given, None, option)
        made = None if path is None else reference_detector(path, option)
        if made is not None and not DETECTORS[card.name].made(made):
            known = detector_option(made)
            others = ", ".join(DETECTORS.names())
            advice = f"take detector={known}" if known else f"none of detector={others} is that one"
            raise UserError(f"{option}={given}: made with the detector {made}, and this run's is {card.name}; {advice}")


def check_workers(run: AnyRun) -> None:
    """Raises UserError where the run cannot have as many workers as it was told."""
    chosen, started = run.config.workers, launched_ranks()
    if started is not None and chosen not in ("auto", started):
        raise UserError(f"workers={chosen}: {started} were started already (WORLD_SIZE); leave workers out")
    if started is None and run.num_workers > 1 and ":" in run.config.device:
        raise UserError(f"workers={chosen}: device={run.config.device} is a single GPU; take device=cuda")
    if started is None and run.device_type == "cuda" and run.num_workers > torch.cuda.device_count():
        raise UserError(f"workers={chosen}: each takes a GPU, and PyTorch finds {torch.cuda.device_count()} here")
    if started is None and run.num_workers > 1 and not run.portable:
        raise UserError(
            f"workers={chosen}: objects of your own stay in this process; take workers=1, torchrun, or name their "
            "module with modules="
        )


def check_class(class_idx: int, label_dim: int, option: str = "class_idx") -> None:
    """Raises UserError where the network has no such class."""
    if not label_dim:
        raise UserError(f"{option}={class_idx}: this network is unconditional, it has no classes; leave it out")
    if not 0 <= class_idx < label_dim:
        raise UserError(f"{option}={class_idx}: must be from 0 to {label_dim - 1}, the network's classes")


def _check_images(kind: str, channels: int) -> None:
    if kind == "png" and channels not in PNG_CHANNELS:
        raise UserError(
            f"save_images=png: a PNG has 1 or 3 channels, and these images have {channels}; take save_images=npz"
        )


def require_writable(folder: Path) -> None:
    """Raises UserError where nothing can be written into ``folder``, which is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"results_dir={folder}: cannot be written ({error.strerror}); give a folder that can"
        ) from error
