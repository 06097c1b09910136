"""Makes the embedded images of scikit-learn's digits, with their classes: what the digits model was trained on.

    pip install -e '.[train]'
    python -m scripts.digits_images

An npz with `arr_0` (1797, 8, 8, 1) uint8, the 17 greys as pixels from 0 to 255, and `labels` (1797,) int64.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from bdia_edm.base.whole_files import written_whole
from bdia_edm.engine.batch import to_uint8
from scripts.train_digits import ASSETS, load_digits


@click.command(help=__doc__.partition("\n")[0] if __doc__ else None)
@click.option("--dest", default=ASSETS / "digits_images.npz", type=click.Path(path_type=Path), show_default=False)
def main(dest: Path) -> None:
    """Writes the file."""
    x, labels = load_digits()
    pixels = to_uint8(x).permute(0, 2, 3, 1).contiguous().numpy()
    with written_whole(dest) as partial, partial.open("wb") as file:
        np.savez_compressed(file, arr_0=pixels, labels=labels.numpy().astype(np.int64))


if __name__ == "__main__":
    main()
