"""The Python API: what the commands do, and their parts, for notebooks and programs.

from bdia_edm.api import finish, measure, prepare, sample_images
run = prepare("+model=digits", "sampler.num_steps=6")   # options as on the command line, checked
images, labels, nfe = sample_images(run.denoiser, run.config.sampler, range(64), device=run.device)
record = finish(run, print)                             # what python -m bdia_edm.sample prints
inversion = prepare_inversion("+model=digits", "indices=0-99", "sampler=edict")
record = finish(inversion, print)                       # what python -m bdia_edm.invert prints
measure("images.zip", "embedded:digits_reference.npz")  # what python -m bdia_edm.fid calc --json prints
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import option
from bdia_edm.config.composing import compose_config, compose_values, shell_command
from bdia_edm.config.editing_config import read_editing_config
from bdia_edm.config.inversion_config import read_inversion_config, refuse_detector
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.registry import DETECTORS, DetectorKind
from bdia_edm.engine.batch import sample_images, to_uint8
from bdia_edm.engine.round_trip import RoundTrip, round_trip
from bdia_edm.engine.trajectory import Trajectory, trajectory
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.metric import METRICS, Metric
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.preconditioning import EDMPrecond, VEPrecond, VPPrecond, iDDPMPrecond
from bdia_edm.run.comparing_protocols import Comparing
from bdia_edm.run.finish import finish
from bdia_edm.run.loading import prepare_run
from bdia_edm.run.loading_inversion import prepare_editing as load_editing
from bdia_edm.run.loading_inversion import prepare_inversion as load_inversion
from bdia_edm.run.measurement import Measuring, make_reference, measure
from bdia_edm.run.own_parts import OwnParts
from bdia_edm.run.rosetta import compare_protocols
from bdia_edm.run.run import EditingRun, InversionRun, Run
from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import SAMPLERS, make_sampler
from bdia_edm.samplers.sampler import EDMStepsSampler, Sampler
from bdia_edm.trackers.tracker import TRACKERS, Tracker

__all__ = [
    "DETECTORS",
    "METRICS",
    "SAMPLERS",
    "TRACKERS",
    "BatchDenoiser",
    "Comparing",
    "Denoiser",
    "Detector",
    "DetectorKind",
    "EDMPrecond",
    "EDMStepsSampler",
    "EditingRun",
    "FeatureStatistics",
    "GaussianMixture",
    "InversionRun",
    "InvertibleSampler",
    "Measuring",
    "Metric",
    "RoundTrip",
    "Run",
    "Sampler",
    "Tracker",
    "Trajectory",
    "UserError",
    "VEPrecond",
    "VPPrecond",
    "compare_protocols",
    "finish",
    "frechet_distance",
    "gradient",
    "iDDPMPrecond",
    "make_reference",
    "make_sampler",
    "measure",
    "option",
    "prepare",
    "prepare_editing",
    "prepare_inversion",
    "round_trip",
    "sample_images",
    "to_uint8",
    "trajectory",
]


def prepare_inversion(*overrides: str, config_dir: str | Path | None = None) -> InversionRun:
    """A run of inversion, checked and with its network and images at hand; ``finish`` makes its latents and record.

    Args:
        overrides: options as ``python -m bdia_edm.invert`` takes them; '+model=NAME' among them.
        config_dir: a folder of your own cards, laid out as conf/, as ``--config-dir`` takes it.

    Raises:
        UserError: an option or a file is wrong.
    """
    refuse_detector(overrides)
    config = read_inversion_config(compose_values(overrides, config_dir, "invert"))
    return load_inversion(config, shell_command(list(overrides), config_dir, "invert"))


def prepare_editing(*overrides: str, config_dir: str | Path | None = None) -> EditingRun:
    """As ``prepare_inversion``, of editing: options as ``python -m bdia_edm.edit`` takes them."""
    config = read_editing_config(compose_values(overrides, config_dir, "edit"))
    return load_editing(config, shell_command(list(overrides), config_dir, "edit"))


def prepare(
    *overrides: str,
    config_dir: str | Path | None = None,
    denoiser: Denoiser | None = None,
    sampler: Sampler | None = None,
    detector: Detector | None = None,
    metrics: Sequence[Metric] | None = None,
) -> Run:
    """A run, checked and with its network, detector and reference loaded; changes nothing global.

    Objects of your own take the place of what the options name. Such a run has an identity of its own: the weights of
    a denoiser (a torch.nn.Module; another object says its ``checksum``), a detector's ``checksum``, a sampler's
    options, a metric's attributes, and the source text of the modules that their classes are defined in. Runs that
    exist at the same time share what they have in common: do not change a run's network in place.

    Args:
        overrides: options as ``python -m bdia_edm.sample`` takes them; '+model=NAME' among them.
        config_dir: a folder of your own cards, laid out as conf/, as ``--config-dir`` takes it.
        denoiser, detector: on the run's device.
        sampler, metrics: instead of the options ``sampler`` and ``metric``.

    Raises:
        UserError: an option, a file or an object is wrong.
    """
    for override in overrides:
        for name, part in {"sampler": sampler, "detector": detector, "metric": metrics}.items():
            if part is not None and override.lstrip("+").startswith((f"{name}=", f"{name}.")):
                raise UserError(f"{override}: an object was given in its place; leave one of them out")
    if sampler is not None and not isinstance(sampler, Sampler):
        raise UserError(f"sampler: must be a Sampler, from make_sampler or of a class derived from it, not {sampler!r}")
    config = compose_config(overrides, config_dir, sampler)
    own = OwnParts(denoiser=denoiser, detector=detector, metrics=metrics, sampler=sampler is not None)
    return prepare_run(config, shell_command(list(overrides), config_dir), own)
