"""What commands take before they do anything, each in a process of its own."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from bdia_edm.api import finish, prepare
from scripts.timing.clock import Took, Work, in_turns, process
from scripts.timing.figures import Figure, Section, combined

__all__ = ["measure"]

_WORDS = """\
Each command in a process of its own, in turns; seconds of the processors, and by the clock. `first batch` is `sample`
to the record of one batch of two digits in two steps, `status` and `table` are of a folder with one run."""


def measure(repeats: int) -> Section:
    """Seconds of the processors and by the clock, and those beyond importing what cannot be left out."""
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        folder = Path(name)
        digits = ("+model=digits", "seeds=0-1", "sampler.num_steps=2", "device=cpu", "workers=1")
        finish(prepare(*digits, f"results_dir={folder / 'one'}"), str)
        # A run whose record is there is not run again.
        fresh = iter(range(repeats + 1))

        def first_batch() -> Took:
            results = f"results_dir={folder / 'fresh' / str(next(fresh))}"
            return process("-m", "bdia_edm.sample", *digits, results)

        works: dict[str, Work] = {
            "python": partial(process, "-c", "pass"),
            "import torch": partial(process, "-c", "import torch"),
            "import hydra": partial(process, "-c", "import hydra"),
            "sample --help": partial(process, "-m", "bdia_edm.sample", "--help"),
            "status": partial(process, "-m", "bdia_edm.status", str(folder / "one")),
            "table": partial(process, "-m", "bdia_edm.table", str(folder / "one"), "--dest", str(folder / "table")),
            "first batch": first_batch,
        }
        took = in_turns(works, repeats)
    section = Section("startup", "machine", "Start-up", _WORDS)
    cpu = {name: [each.cpu for each in found] for name, found in took.items()}
    for name, found in took.items():
        section.figures.append(Figure(name, tuple(cpu[name]), "s of the processors"))
        section.figures.append(Figure(f"{name}: on the wall", tuple(each.wall for each in found), "s"))
    for name, without in (("sample --help", "import hydra"), ("first batch", "import torch")):
        beyond = combined(
            f"{name} beyond {without}", "s of the processors", lambda a, b: a - b, cpu[name], cpu[without]
        )
        section.figures.append(beyond)
    return section
