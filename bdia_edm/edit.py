"""python -m bdia_edm.edit +model=digits: images become those of another class by round trips; its record on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from bdia_edm.base.lines import to_stdout
from bdia_edm.config.composing import own_folder, plain_values, shell_command
from bdia_edm.config.editing_config import EditingConfig, read_editing_config
from bdia_edm.config.hydra_command import run_command, say
from bdia_edm.records.record import to_json
from bdia_edm.run.finish import finish
from bdia_edm.run.loading_inversion import prepare_editing
from bdia_edm.workers.meeting import is_leader

__all__ = ["main"]

_WHAT = """\
Edits images by a round trip: inverts them under their own classes with a sampler that has an inverse, and makes them
again under another class. Prints a record of it as JSON (everything else goes to stderr): how many are of the new class
to the detector's classifier, and what of the images stayed, beside the same of unrelated images of the new class.
Record, pictures and edited images lie in a folder of results_dir whose name comes from the options."""
_EXAMPLES = (
    "python -m bdia_edm.edit +model=digits indices=0-99 edit.step=4",
    "python -m bdia_edm.edit +model=cifar10 images=my_pngs class_idx=3 edit.class_idx=5 sampler=edict detector=none",
    "python -m bdia_edm.compare task=edit +model=digits results_dir=runs/editing",
)
_MORE = (
    "A run keeps its states: up to 24 bytes a value of an image, 3.7 GB of 50,000 CIFAR-10 images.",
    "Instead of the card's settings, which are for sampling: sampler.gamma=1, sampler.backward=euler.",
    "The run's shards/*.npz hold the edited images (reconstructions (n, C, H, W), in [-1, 1]) with originals, states,",
    "labels, new_labels, indices, and the detector's features and logits of the edited images.",
)


def _edit(config: DictConfig) -> None:
    hydra_config = HydraConfig.get()
    command = shell_command(hydra_config.overrides.task, own_folder(), "edit")
    record = finish(prepare_editing(read_editing_config(plain_values(config)), command), say)
    if is_leader():
        # One record is for reading; those of a sweep are one a line.
        to_stdout(to_json(record, indent=None if hydra_config.mode == RunMode.MULTIRUN else 2))


def main() -> None:
    """The command."""
    run_command("edit", _edit, _WHAT, _EXAMPLES, _MORE, EditingConfig)


if __name__ == "__main__":
    main()
