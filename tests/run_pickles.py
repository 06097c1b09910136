"""Reads the pickles in a folder, one after the other in one process, and prints a line of JSON for each.

python -m tests.run_pickles FOLDER reader     with bdia_edm's reader: what came of it, time, memory
python -m tests.run_pickles FOLDER unsafe     with pickle.load and a loader that executes stored source
"""

from __future__ import annotations

import json
import pickle
import re
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from bdia_edm.checkpoints.pickle_reader import CheckpointError, read_pickle
from tests.pickle_writer import genuine

STATUS = Path("/proc/self/status")


def _megabytes(field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())
    assert found
    return int(found[1]) / 1024


def with_reader(path: Path, held_before: float) -> dict[str, Any]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    start = time.perf_counter()
    try:
        read_pickle(path)
        outcome, message = "loaded", ""
    except CheckpointError as error:
        outcome, message = "refused", str(error)
    except BaseException as error:
        outcome, message = type(error).__name__, repr(error)[:300]
    seconds = time.perf_counter() - start
    return {"outcome": outcome, "message": message, "seconds": seconds, "megabytes": _megabytes("VmHWM") - held_before}


def unsafely(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            pickle.load(file)
    except BaseException as error:
        return {"outcome": repr(error)[:300]}
    return {"outcome": "loaded"}


def stand_in_loader() -> None:
    """What NVIDIA's loader does with a stored module's source text, as its callers describe it."""
    persistence = ModuleType("torch_utils.persistence")
    persistence._reconstruct_persistent_obj = lambda meta: exec(meta["module_src"], {})
    sys.modules.update({"torch_utils": ModuleType("torch_utils"), "torch_utils.persistence": persistence})


def main() -> None:
    folder, loader = Path(sys.argv[1]), sys.argv[2]
    held_before = 0.0
    if loader == "unsafe":
        stand_in_loader()
    else:  # what torch imports at the first network is not the first attack's
        warm_up = folder / "genuine"
        warm_up.write_bytes(genuine())
        read_pickle(warm_up)
        held_before = _megabytes("VmRSS")
    for path in sorted(folder.glob("*.pkl")):
        result = unsafely(path) if loader == "unsafe" else with_reader(path, held_before)
        print(json.dumps({"name": path.stem, "bytes": path.stat().st_size, **result}), flush=True)


if __name__ == "__main__":
    main()
