"""Reading images for `fid calc` beside a plain reader, without a network: scripts/reading.py in the same run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts.reading import compare_reading, write_images
from scripts.timing.figures import Figure, Section, combined

__all__ = ["RATIO", "measure"]

RATIO = "{size}×{size}: ours over the plain reader"
_IMAGES = {32: 4000, 256: 400}
_QUICK_IMAGES = {32: 50, 256: 10}
_WORDS = """\
PNG files as photographs are, read as `fid calc` reads them and by Pillow one at a time in a DataLoader, as pytorch-fid
reads, in turns, no network behind them."""


def measure(repeats: int, quick: bool = False) -> Section:
    """Images/s of both at two sizes."""
    section = Section("reading", "machine", "Reading images", _WORDS)
    for size, num in (_QUICK_IMAGES if quick else _IMAGES).items():
        with tempfile.TemporaryDirectory(prefix="throughput-") as name:
            write_images(Path(name), size, num)
            found = compare_reading(Path(name), repeats)
        rates = {who: [each.per_second for each in passes] for who, passes in found.items()}
        section.figures += [
            Figure(f"{size}×{size}: ours", tuple(rates["bdia_edm"]), "images/s"),
            Figure(f"{size}×{size}: the plain reader", tuple(rates["plain"]), "images/s"),
            combined(RATIO.format(size=size), "×", lambda a, b: a / b, rates["bdia_edm"], rates["plain"]),
        ]
    return section
