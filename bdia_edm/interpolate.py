"""python -m bdia_edm.interpolate +model=digits indices=0-1: strips between images, by their latents; JSON on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from bdia_edm.config.composing import own_folder, plain_values, shell_command
from bdia_edm.config.hydra_command import run_command, say
from bdia_edm.config.interpolation_config import InterpolationConfig, read_interpolation_config
from bdia_edm.config.inversion_config import refuse_detector
from bdia_edm.workers.meeting import is_leader

__all__ = ["main"]

_WHAT = """\
Goes from one image to another over the sphere of their latents: inverts images as `invert` does, or takes the latents
that are there already, mixes those of each pair (the first two images, the next two, and so on; their classes linearly)
and makes images of them again. A picture with a strip for each pair, and an npz, lie in the inversion's folder; where,
and how far each image is from the one before, is printed as JSON (everything else goes to stderr)."""
_EXAMPLES = (
    "python -m bdia_edm.interpolate +model=digits indices=0-1",
    "python -m bdia_edm.interpolate +model=digits \"indices='0,11,5,7'\" sampler=edict sampler.num_steps=18 frames=15",
    "python -m bdia_edm.interpolate +model=cifar10 images=two_pngs class_idx=3",
)
_MORE = (
    "In the inversion's folder, in one named after frames (9frames), lie interpolation.png and interpolation.npz:",
    "arr_0 (pairs * frames, H, W, C) uint8, weights (frames,), indices and labels (pairs, 2) of the ends. In the JSON",
    "end_errors (of the two ends from their originals) and distances (of each image from the one before) are root mean",
    "squares in states, from -1 to 1; angle is that between the latents, in degrees; nfe counts the evaluations of an",
    "image between. There may be 64 pairs.",
)


def _interpolate(config: DictConfig) -> None:
    # Imported here: the help needs nothing of what is done.
    from bdia_edm.run.finish import finish
    from bdia_edm.run.interpolating import write_strips
    from bdia_edm.run.loading_inversion import prepare_inversion
    from bdia_edm.run.one_run import print_result

    given = HydraConfig.get().overrides.task
    refuse_detector(given)
    command = shell_command(given, own_folder(), "interpolate")
    checked = read_interpolation_config(plain_values(config))
    run = prepare_inversion(checked, command)
    finish(run, say)
    if is_leader():
        told = write_strips(run, checked.frames)
        say(f"written: {told['picture']}")
        print_result(told)


def main() -> None:
    """The command."""
    run_command("interpolate", _interpolate, _WHAT, _EXAMPLES, _MORE, InterpolationConfig)


if __name__ == "__main__":
    main()
