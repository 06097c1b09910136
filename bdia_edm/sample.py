"""python -m bdia_edm.sample +model=digits: one run, its record on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

from omegaconf import DictConfig

from bdia_edm.config.hydra_command import run_command

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
    # Imported here: the help needs nothing of what is done.
    from bdia_edm.run.one_run import one_run

    one_run("sample", config)


def main() -> None:
    """The command."""
    run_command("sample", _sample, _WHAT, _EXAMPLES)


if __name__ == "__main__":
    main()
