"""python -m bdia_edm.sample +model=digits: one run, its record on stdout.

Options are Hydra's: see conf/sample.yaml, conf/model, conf/sampler and conf/detector.
"""

from __future__ import annotations

import shlex

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from bdia_edm.config.cards import read_config
from bdia_edm.config.hydra_command import plain_values, run_command, say
from bdia_edm.records.record import to_json
from bdia_edm.run.run import Run
from bdia_edm.workers.meeting import is_leader

__all__ = ["main", "sample_command"]


def sample_command(overrides: list[str]) -> str:
    """The shell line that runs ``sample`` with these overrides."""
    return shlex.join(["python", "-m", "bdia_edm.sample", *overrides])


def _sample(config: DictConfig) -> None:
    hydra_config = HydraConfig.get()
    run = Run.prepare(read_config(plain_values(config)), sample_command(list(hydra_config.overrides.task)))
    record = run.finish(say)
    if is_leader():
        # One record is for reading; those of a sweep are one a line.
        print(to_json(record, indent=None if hydra_config.mode == RunMode.MULTIRUN else 2), flush=True)


def main() -> None:
    """The command."""
    run_command("sample", _sample)


if __name__ == "__main__":
    main()
