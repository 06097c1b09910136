"""scripts/reading.py: both readers read the same images, whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from bdia_edm.images.image_source import open_images
from scripts.reading import compare_reading, main, write_images


def test_both_read_all_images(tmp_path: Path) -> None:
    write_images(tmp_path, 16, 70)
    rates = compare_reading(tmp_path, repetitions=2)
    assert {name: [rate.num_images for rate in each] for name, each in rates.items()} == {
        "bdia_edm": [70, 70],
        "plain": [70, 70],
    }
    assert all(rate.seconds > 0 and rate.per_second > 0 for each in rates.values() for rate in each)


def test_the_images_are_the_same_for_a_seed(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_images(tmp_path / name, 8, 2, seed=3)
    one, other = (open_images(tmp_path / name).read(range(2)) for name in ("one", "other"))
    assert np.array_equal(one, other)
    assert one.shape == (2, 8, 8, 3)
    assert np.array_equal(one[1], np.asarray(Image.open(tmp_path / "one" / "000001.png")))


def test_the_table(tmp_path: Path) -> None:
    write_images(tmp_path, 8, 3)
    found = CliRunner().invoke(main, [str(tmp_path), "--repetitions", "1"])
    assert found.exit_code == 0, found.output
    assert [line.split("|")[2].strip() for line in found.output.splitlines()] == ["reader", "---", "bdia_edm", "plain"]
    assert found.output.rstrip().endswith("| 1.00 |")
