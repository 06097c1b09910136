"""python -m bdia_edm.trajectory +model=digits: images' ways through the noise levels, a picture; JSON on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from bdia_edm.config.composing import own_folder, plain_values, shell_command
from bdia_edm.config.hydra_command import run_command, say
from bdia_edm.config.inversion_config import refuse_detector
from bdia_edm.config.trajectory_config import TrajectoryOptions, read_trajectory_config
from bdia_edm.workers.meeting import is_leader

__all__ = ["main"]

_WHAT = """\
Makes a few images as `sample` does and keeps all states on their way: a picture with, for each seed, a row of the
states and a row of what the network makes of each, the noise levels as columns, and an npz. Where they lie is printed
as JSON (everything else goes to stderr); nothing is measured, and there is no record."""
_EXAMPLES = (
    "python -m bdia_edm.trajectory +model=digits sampler=bdia seeds=0-3",
    "python -m bdia_edm.trajectory +model=digits sampler=edm sampler.num_steps=9 class_idx=3",
    "python -m bdia_edm.trajectory -m +model=digits sampler.gamma=0.1,0.5,1",
)
_MORE = (
    "In a folder of results_dir whose name comes from the options lie trajectory.png, of at most 12 levels, and",
    "trajectory.npz with all: levels (L,), states and denoised (L, N, C, H, W) float32, seeds and labels (N,). A state",
    "is an image plus noise of the level sigma, drawn over sqrt(1 + sigma²); denoised is D(x; sigma), one evaluation",
    "more at each level beside the sampler's own nfe. Of a method that carries a pair it is the first. In the JSON",
    "not_finite lists the seeds whose image is none.",
)


def _trajectory(config: DictConfig) -> None:
    # Imported here: the help needs nothing of what is done.
    from bdia_edm.run.loading import prepare_run
    from bdia_edm.run.one_run import print_result
    from bdia_edm.run.tracing import write_ways_of

    given = HydraConfig.get().overrides.task
    refuse_detector(given, "nothing is measured here")
    command = shell_command(given, own_folder(), "trajectory")
    run = prepare_run(read_trajectory_config(plain_values(config)), command)
    if is_leader():
        told = write_ways_of(run)
        say(f"written: {told['picture']}")
        print_result(told)


def main() -> None:
    """The command."""
    run_command("trajectory", _trajectory, _WHAT, _EXAMPLES, _MORE, TrajectoryOptions)


if __name__ == "__main__":
    main()
