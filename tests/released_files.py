"""What `+model=cifar10 detector=inception` fetches, in the files' real formats and sizes, with made weights.

python -m tests.released_files CACHE puts them where the downloads would lie, for a rehearsal without a network:

BDIA_EDM_CACHE=CACHE python -m bdia_edm.sample +model=cifar10 detector=inception detector.sha256=null seeds=0-15
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from bdia_edm.checkpoints.downloads import cached_path
from bdia_edm.config.composing import compose_values
from bdia_edm.config.detector_card import detector_card
from bdia_edm.config.model_kinds.network import NetworkCard
from bdia_edm.config.run_config import read_config
from tests.detector_files import write_inception
from tests.pickle_writer import checkpoint, dumps, tree
from tests.references import build, describe

CHECKPOINT = "edm-cifar10-32x32-cond-vp"


def write_cifar10() -> None:
    """Writes the three files into the cache."""
    card = read_config(compose_values(["+model=cifar10"])).model
    assert isinstance(card, NetworkCard)
    network, detector = cached_path(card.path), cached_path(detector_card("inception").path or "")
    reference = cached_path(card.reference or "")
    for path in (network, reference, detector):
        path.parent.mkdir(parents=True, exist_ok=True)
    network.write_bytes(dumps(checkpoint(tree(build(CHECKPOINT), describe(CHECKPOINT)["init_kwargs"]))))
    factor = np.random.default_rng(0).standard_normal((2048, 2048)) / 50
    np.savez(reference, mu=np.full(2048, 0.4), sigma=factor @ factor.T)
    write_inception(detector)


if __name__ == "__main__":
    os.environ["BDIA_EDM_CACHE"] = str(Path(sys.argv[1]).resolve())
    write_cifar10()
