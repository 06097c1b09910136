"""From a checked config to a run: its denoiser, detector, reference and metrics, each loaded and held to the others.

What is wrong is found here, before the first image.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.launched import launched_ranks
from bdia_edm.base.options import require
from bdia_edm.checkpoints.locating import fetch_files
from bdia_edm.config.common_config import AnyConfig
from bdia_edm.config.model_card import ModelCard
from bdia_edm.config.run_config import RunConfig
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.engine.device import choose_device
from bdia_edm.engine.plan import format_seeds
from bdia_edm.images.grids import PNG_CHANNELS
from bdia_edm.metrics.metric import Metric, make_metrics
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.run.arithmetic import as_configured
from bdia_edm.run.batch_size import with_batch_size
from bdia_edm.run.encoders import Encoder, Measurement
from bdia_edm.run.loaded_once import loaded_once
from bdia_edm.run.loading_detectors import check_reference_detectors, load_encoders
from bdia_edm.run.own_parts import OwnParts, own_sources, state_checksum
from bdia_edm.run.run import AnyRun, Run, count_workers
from bdia_edm.samplers.denoising import BatchDenoiser

__all__ = ["check_class", "check_workers", "load_denoiser", "place_of", "prepare_run", "require_writable"]


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
        check_reference_detectors(config)
    device, device_type = place_of(config)
    fetch_files(config.remote_files)
    if own.denoiser is None:
        loaded, checksum = load_denoiser(config.model, device)
    else:
        loaded, checksum = own.denoiser, state_checksum("denoiser", own.denoiser)
    key = (config.model, checksum) if own.denoiser is None else None
    denoiser, precision = as_configured(loaded, config, device, device_type, len(config.seeds), key)
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
        encoders = load_encoders(config, own.detector, metrics, shape, device)
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
    parts: dict[str, type] = {"model": type(config.model), "sampler": type(config.sampler), "denoiser": type(loaded)}
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
        precision=precision,
        checksums=checksums,
        portable=not own.any,
    )
    check_workers(run)
    require_writable(Path(config.results_dir))
    return with_batch_size(run)


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
    return loaded_once(("denoiser", card, checksum, device), lambda: card.load(device)), checksum


def _with_own_parts(config: RunConfig, own: OwnParts) -> RunConfig:
    """The config as it is with these parts."""
    if config.workers == "auto":
        # Objects stay in this process.
        config = replace(config, workers=1)
    if own.metrics is None:
        return config
    # None by its name; the objects are in the checksums.
    return replace(config, metric=(), source={**config.source, "metric": [metric.name for metric in own.metrics]})


def _check_deterministic(config: RunConfig, metrics: Sequence[Metric]) -> None:
    for metric in metrics:
        if config.sampler.is_stochastic and "ode_errors" in metric.needs:
            words = "is of samplers that draw no noise; take sampler.S_churn=0, or leave it out"
            raise UserError(f"metric={metric.name}: {words}")


def _check_measured(config: RunConfig, own_detector: str | None) -> None:
    if not config.detectors and own_detector is None:
        given = f"[{','.join(config.metric)}]"
        require(given == "[frechet]", "metric", given, "left out: with detector=none nothing is measured")
        return
    if len(config.seeds) < 2:
        raise UserError(
            f"seeds={format_seeds(config.seeds)}: one image has no statistics; take two seeds or more, or detector=none"
        )
    references = [config.model.reference]
    if own_detector is None:
        references = [config.model.reference_of(card.name, card is config.detector) for card in config.detectors]
    if None in references:
        raise UserError(
            "model.reference: missing; distances need the data's statistics (an npz with mu and sigma, as "
            "python -m bdia_edm.fid ref makes it), and detector=none measures none"
        )


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
