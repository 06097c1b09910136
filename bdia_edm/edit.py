"""python -m bdia_edm.edit +model=digits: images become those of another class by round trips; its record on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

import sys

from omegaconf import DictConfig

from bdia_edm.base.errors import UserError
from bdia_edm.config.editing_config import EditingConfig
from bdia_edm.config.hydra_command import run_command
from bdia_edm.workers.meeting import say_error

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
    'python -m bdia_edm.edit pipeline=DIR_OR_HUB_ID image=cat.png prompt="a cat" edit="a dog"',
)
_MORE = (
    "With pipeline= pictures are edited on a text-to-image pipeline of diffusers (pip install 'bdia_edm[text]'): edit",
    "--help pipeline=X lists the options of that; compare task=edit pipeline=X compares its methods.",
    "A run keeps its states: up to 24 bytes a value of an image, 3.7 GB of 50,000 CIFAR-10 images.",
    "Instead of the card's settings, which are for sampling: sampler.gamma=1, sampler.backward=euler.",
    "The run's shards/*.npz hold the edited images (reconstructions (n, C, H, W), in [-1, 1]) with originals, states,",
    "labels, new_labels, indices, and the detector's features and logits of the edited images.",
)


def _edit(config: DictConfig) -> None:
    # Imported here: the help needs nothing of what is done.
    from bdia_edm.run.one_run import one_run

    one_run("edit", config)


def main() -> None:
    """The command; with a pipeline among its words that of the extra, which need not be installed."""
    if any(word.startswith("pipeline=") for word in sys.argv[1:]):
        try:
            from bdia_edm.text_to_image.edits.command import main as edit_pictures
        except UserError as error:
            say_error(str(error))
            sys.exit(2)
        edit_pictures()
        return
    run_command("edit", _edit, _WHAT, _EXAMPLES, _MORE, EditingConfig)


if __name__ == "__main__":
    main()
