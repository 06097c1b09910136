"""python -m bdia_edm.invert +model=digits: images to latents and back, and how exact that is; its record on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from bdia_edm.base.lines import to_stdout
from bdia_edm.config.composing import own_folder, plain_values, shell_command
from bdia_edm.config.hydra_command import run_command, say
from bdia_edm.config.inversion_config import InversionConfig, read_inversion_config, refuse_detector
from bdia_edm.records.record import to_json
from bdia_edm.run.finish import finish
from bdia_edm.run.loading_inversion import prepare_inversion
from bdia_edm.workers.meeting import is_leader

__all__ = ["main"]

_WHAT = """\
Inverts images with a pre-trained EDM network and a sampler that has an inverse, makes them again from the latents, and
prints a record of it as JSON (everything else goes to stderr): the errors of the round trip and how far the latents
are from the noise that the network was trained for. Record, picture and latents lie in a folder of results_dir whose
name comes from the options; a run whose record exists is not run again, an interrupted one goes on where it was."""
_EXAMPLES = (
    "python -m bdia_edm.invert +model=digits indices=0-999",
    "python -m bdia_edm.invert +model=cifar10 images=my_pngs class_idx=3 sampler=edict",
    "python -m bdia_edm.invert -m +model=digits sampler=bdia sampler.gamma=0.5,0.9,1.0 sampler.num_steps=10,18",
)
_MORE = (
    "A run keeps its states: up to 24 bytes a value of an image, 3.7 GB of 50,000 CIFAR-10 images.",
    "Instead of the card's settings, which are for sampling: sampler.gamma=1, sampler.backward=euler.",
    "The run's shards/*.npz hold the images as states: originals (n, H, W, C) uint8, states (n, K, C, H, W) float64 at",
    "the noise level `level` (the latents and, for exact inverses, the partners that the way back needs),",
    "reconstructions (n, C, H, W), labels and indices.",
)


def _invert(config: DictConfig) -> None:
    hydra_config = HydraConfig.get()
    refuse_detector(hydra_config.overrides.task)
    command = shell_command(hydra_config.overrides.task, own_folder(), "invert")
    record = finish(prepare_inversion(read_inversion_config(plain_values(config)), command), say)
    if is_leader():
        # One record is for reading; those of a sweep are one a line.
        to_stdout(to_json(record, indent=None if hydra_config.mode == RunMode.MULTIRUN else 2))


def main() -> None:
    """The command."""
    run_command("invert", _invert, _WHAT, _EXAMPLES, _MORE, InversionConfig)


if __name__ == "__main__":
    main()
