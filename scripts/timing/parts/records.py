"""`table` and `status` on the records of a large sweep."""

from __future__ import annotations

import copy
import hashlib
import shutil
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from bdia_edm.api import Run, finish, prepare
from bdia_edm.records.record import Record, write_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.uncertainty import KeptUncertainty, read_uncertainty, write_uncertainty
from scripts.timing.clock import in_turns, process
from scripts.timing.figures import Figure, Section

__all__ = ["measure", "write_sweep"]

_STEPS, _BLOCKS, _IMAGES = 10, 10, 60
_WORDS = """\
{num:,} records with what their intervals are computed from: EDM and {gammas} gammas of BDIA at {steps} numbers of
steps, each on {blocks} blocks of seeds, so {rows} rows; each command in a process of its own. `table` writes the
tables and draws the plots, each in three formats; `--html` the page too."""


def measure(num: int, repeats: int) -> Section:
    """Seconds of both commands on so many records, a multiple of 100."""
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        results, dest = Path(name) / "runs", Path(name) / "table"
        write_sweep(results, num)
        table = ("-m", "bdia_edm.table", str(results), "--dest", str(dest))
        works = {
            "status": partial(process, "-m", "bdia_edm.status", str(results)),
            "table": partial(process, *table),
            "table --no-plots": partial(process, *table, "--no-plots"),
            "table --html": partial(process, *table, "--html", str(dest / "page.html")),
        }
        took = in_turns(works, repeats, warm=())
    settings = num // (_STEPS * _BLOCKS)
    words = _WORDS.format(num=num, gammas=settings - 1, steps=_STEPS, blocks=_BLOCKS, rows=settings * _STEPS)
    section = Section("records", "machine", "Records of a sweep", words)
    for command, found in took.items():
        section.figures.append(Figure(f"{command} of {num:,} records", tuple(each.wall for each in found), "s"))
    return section


def write_sweep(results: Path, num: int) -> None:
    """Writes the records of a sweep: real ones of two runs of digits, copied with other options, seeds and figures."""
    options = ("+model=digits", f"seeds=0-{_IMAGES - 1}", "sampler.num_steps=2", f"results_dir={results}")
    gammas = np.linspace(0, 1, num // (_STEPS * _BLOCKS))[1:]
    runs = [prepare(*options, "device=cpu", "workers=1", sampler) for sampler in ("sampler=edm", "sampler=bdia")]
    each: list[list[float | None]] = [[None], [float(gamma) for gamma in gammas]]
    for run, chosen in zip(runs, each, strict=True):
        record = finish(run, str)
        for gamma in chosen:
            for steps in range(2, 2 + _STEPS):
                for block in range(_BLOCKS):
                    _write_like(run, record, results, gamma, steps, block)
        shutil.rmtree(run.folder)


def _write_like(run: Run, record: Record, results: Path, gamma: float | None, steps: int, block: int) -> None:
    made = cast(dict[str, Any], copy.deepcopy(record))
    setting = f"{made['sampler']['name']} {gamma} {steps}"
    shift = float(np.random.default_rng(block).normal())
    options: dict[str, Any] = {"num_steps": steps} | ({} if gamma is None else {"gamma": gamma})
    made["sampler"] |= options
    made["config"]["sampler"] |= options
    if gamma is not None:
        made["labels"]["columns"]["gamma"] = gamma
    made |= {"seeds": f"{block * _IMAGES}-{(block + 1) * _IMAGES - 1}", "nfe": 2 * steps - 1}
    made["config"]["seeds"] = made["seeds"]
    made["series"] = hashlib.sha256(setting.encode()).hexdigest()
    made["metrics"] = {name: value + shift for name, value in made["metrics"].items()}
    folder = results / f"{setting} {block}".replace(" ", "-")
    RunFolder(folder).path.mkdir()
    kept = read_uncertainty(run.folder)
    assert kept is not None
    distances = {
        name: replace(each, distance=each.distance + shift, without_group=each.without_group + shift)
        for name, each in kept.distances.items()
    }
    write_uncertainty(folder, KeptUncertainty(made["seeds"], distances))
    write_record(folder, cast(Record, made))
