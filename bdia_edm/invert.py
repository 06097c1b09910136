"""python -m bdia_edm.invert +model=digits: images to latents and back, and how exact that is; its record on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from bdia_edm.config.hydra_command import run_command
from bdia_edm.config.inversion_config import InversionConfig, refuse_detector

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
    # Imported here: the help needs nothing of what is done.
    from bdia_edm.run.one_run import one_run

    refuse_detector(HydraConfig.get().overrides.task)
    one_run("invert", config)


def main() -> None:
    """The command."""
    run_command("invert", _invert, _WHAT, _EXAMPLES, _MORE, InversionConfig)


if __name__ == "__main__":
    main()
