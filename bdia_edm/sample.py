"""python -m bdia_edm.sample +model=digits: one run, its record on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from bdia_edm.base.lines import to_stdout
from bdia_edm.config.composing import own_folder, plain_values, shell_command
from bdia_edm.config.hydra_command import run_command, say
from bdia_edm.config.run_config import read_config
from bdia_edm.records.record import to_json
from bdia_edm.run.finish import finish
from bdia_edm.run.loading import prepare_run
from bdia_edm.workers.meeting import is_leader

__all__ = ["main"]

_WHAT = """\
Makes images with a pre-trained EDM network and a sampler, measures how far they are from the data, and prints a record
of it as JSON (everything else goes to stderr). The record and pictures lie in a folder of results_dir whose name comes
from the options. A run whose record exists is not run again; one that was interrupted goes on where it was."""
_EXAMPLES = (
    "python -m bdia_edm.sample +model=digits",
    "python -m bdia_edm.sample +model=cifar10 sampler=edm",
    "python -m bdia_edm.sample -m +model=digits sampler.num_steps=6,9 sampler.gamma=0.05,0.1 results_dir=runs/sweep",
)


def _sample(config: DictConfig) -> None:
    hydra_config = HydraConfig.get()
    command = shell_command(hydra_config.overrides.task, own_folder())
    record = finish(prepare_run(read_config(plain_values(config)), command), say)
    if is_leader():
        # One record is for reading; those of a sweep are one a line.
        to_stdout(to_json(record, indent=None if hydra_config.mode == RunMode.MULTIRUN else 2))


def main() -> None:
    """The command."""
    run_command("sample", _sample, _WHAT, _EXAMPLES)


if __name__ == "__main__":
    main()
