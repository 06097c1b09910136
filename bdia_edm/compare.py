"""python -m bdia_edm.compare +model=digits: a grid of samplers on the same seeds, as table, plot and picture.

The grid is conf/experiment's: a list of entries whose values are options of one sampler, single or lists; every
combination is one run of ``sample``, whose record is reused where it exists.
"""

from __future__ import annotations

import re
import sys

from omegaconf import DictConfig

from bdia_edm.base.errors import UserError
from bdia_edm.config.common_config import AnyConfig
from bdia_edm.config.comparison_config import CONFIGS, comparison_config_name
from bdia_edm.config.hydra_command import run_command
from bdia_edm.config.run_config import RunConfig
from bdia_edm.workers.meeting import say_error

__all__ = ["main"]

_WHAT = """\
Runs a grid of samplers on the same seeds, each as `sample` does, and writes comparison.md, .csv, .tex, .png, .svg
and .pdf and the same seeds side by side to results_dir; prints the table. Of an option that is a number there is a
plot too, comparison_gamma.png, .svg and .pdf, where it has three values, and comparison_heatmap.png, .svg and .pdf
where it has two at two numbers of steps beside a baseline of their NFE. A run whose record exists is not run again.
With task=invert or task=edit each run is one of `invert` or `edit`: samplers with an inverse, on the same images."""
_EXAMPLES = (
    "python -m bdia_edm.compare +model=digits",
    "python -m bdia_edm.compare +model=cifar10 'grid=[{sampler: edm},{sampler: bdia, gamma: [0.1, 0.3]}]'",
    "python -m bdia_edm.compare +model=digits experiment=choose_gamma results_dir=runs/choose_gamma",
    "python -m bdia_edm.compare task=invert +model=digits results_dir=runs/inversion",
    "python -m bdia_edm.compare task=edit +model=digits results_dir=runs/editing",
    'python -m bdia_edm.compare task=edit pipeline=DIR_OR_HUB_ID image=cat.png prompt="a cat" edit="a dog"',
    "python -m bdia_edm.compare task=generate pipeline=DIR_OR_HUB_ID prompts=prompts.txt",
)
_MORE = (
    "task=  what is compared: sample (the default), invert or edit, whose options --help task=invert (or edit) lists",
    "grid=  a list of entries such as {sampler: bdia, gamma: [0.1, 0.3]}: options of one sampler, single or lists;",
    "       every combination is a run. A card's settings for one sampler alone (imagenet64's for edm) are taken by",
    "       {sampler: edm, settings: card}; without it edm is the deterministic baseline. By default the experiment's.",
    "       With task=invert or edit an entry may have iterations too, with task=edit edit.step and edit.partner.",
    "blocks=  a list of seeds such as [0-2999,10000-12999]: every point is run on each, and is one row of the table,",
    "         with minimum, mean and deviation over the blocks; null is one block, that of seeds.",
    "select=  an option of a sampler such as gamma: of the points that differ in it alone, the one with the best first",
    "         metric on the first of blocks is run on the others, which are reported; where their NFE differ, one of",
    "         each NFE. How it was chosen is kept in selection-*.json. null reports every point",
    "table.columns=, table.metrics=  the tables' columns and figures, in their order; by default those of table.yaml,",
    "         conf's or that of --config-dir",
)


def _compare(config: DictConfig) -> None:
    # Imported here: the help needs nothing of what is done.
    from bdia_edm.run.comparing import compare

    compare(config)


def main() -> None:
    """The command; with a pipeline among its words that of the extra, which need not be installed."""
    task = next((word.partition("=")[2] for word in reversed(sys.argv[1:]) if word.startswith("task=")), "sample")
    if task == "generate" or any(word.startswith("pipeline=") for word in sys.argv[1:]):
        try:
            if task == "generate":
                from bdia_edm.text_to_image.generating.comparing import main as compare_pictures
            else:
                from bdia_edm.text_to_image.edits.comparing import main as compare_pictures
        except UserError as error:
            say_error(str(error))
            sys.exit(2)
        compare_pictures()
        return
    # Here the model has its place in the defaults, so that an experiment may fill it.
    sys.argv[1:] = [re.sub(r"^\+model=", "model=", word) for word in sys.argv[1:]]
    config: type[AnyConfig] = CONFIGS.get(task, RunConfig)
    run_command(comparison_config_name(task), _compare, _WHAT, _EXAMPLES, _MORE, config)


if __name__ == "__main__":
    main()
