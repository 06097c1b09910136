"""The Python API: what `sample` and `fid` do, and their parts, for notebooks and programs.

from bdia_edm.api import measure, prepare, sample_images
run = prepare("+model=digits", "sampler.num_steps=6")   # options as on the command line, checked
images, labels, nfe = sample_images(run.denoiser, run.config.sampler, range(64), device=run.device)
record = run.finish(print)                              # what python -m bdia_edm.sample prints
measure("images.zip", "embedded:digits_reference.npz")  # what python -m bdia_edm.fid calc --json prints
"""

from __future__ import annotations

from bdia_edm.config.cards import read_config
from bdia_edm.config.hydra_command import compose_values
from bdia_edm.engine.batch import sample_images, to_uint8
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.preconditioning import EDMPrecond, VEPrecond, VPPrecond, iDDPMPrecond
from bdia_edm.run.measurement import Measuring, make_reference, measure
from bdia_edm.run.run import Run
from bdia_edm.sample import sample_command
from bdia_edm.samplers.registry import make_sampler

__all__ = [
    "EDMPrecond",
    "FeatureStatistics",
    "GaussianMixture",
    "Measuring",
    "Run",
    "VEPrecond",
    "VPPrecond",
    "frechet_distance",
    "iDDPMPrecond",
    "make_reference",
    "make_sampler",
    "measure",
    "prepare",
    "sample_images",
    "to_uint8",
]


def prepare(*overrides: str) -> Run:
    """A run, checked and with its network, detector and reference loaded.

    Args:
        overrides: options as ``python -m bdia_edm.sample`` takes them; '+model=NAME' among them.

    Raises:
        UserError: an option or a file is wrong.
        hydra.errors.HydraException: an option's name or form is wrong.
    """
    return Run.prepare(read_config(compose_values(overrides)), sample_command(list(overrides)))
