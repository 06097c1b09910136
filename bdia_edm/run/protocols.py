"""The protocols by which published FIDs are measured: a detector, which holds the resize and the range, and rules.

One network everywhere (TensorFlow's Inception of 2015-12-05); what goes in differs, and so do the numbers of images.
Figures compare within one protocol alone, the data's statistics included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named

__all__ = ["FEWER_IMAGES", "NVIDIA", "PROTOCOLS", "Protocol", "split_references"]

NVIDIA = "inception_nvidia"
"""The detector with a file of its own; all others share torch-fidelity's."""
FEWER_IMAGES = 10_000
"""How many images tables take that take fewer than 50,000."""
_FULL = 50_000


@dataclass(frozen=True)
class Protocol:
    """How a program measures.

    Attributes:
        name: what the user types for it.
        title: the programs that measure so; those on one line give equal figures.
        detector: whose features it compares.
        resize: how it brings images to 299 pixels.
        entering: the range in which they enter the network.
        most: images that it takes of more, drawn by the seed; None: all that there are.
        least: images that this rule asks for; 2 where it takes any.
        rule: what its program says of the number of images, or does.
        used_by: whose tables it is in.
        spatial: the detector of its sFID; '' where it has none.
        scored: whether it has an Inception score, of parts of 5,000 in file order.
    """

    name: str
    title: str
    detector: str
    resize: str
    entering: str
    used_by: str
    rule: str
    most: int | None = None
    least: int = 2
    spatial: str = ""
    scored: bool = False

    def takes(self, num: int) -> bool:
        """Whether its rule asks for so many images, neither more nor fewer."""
        return self.least <= num <= (self.most or num)


_TENSORFLOW = "TF-1 bilinear: no half pixel, no antialiasing, not rounded"
_UP_TO = "-1 to 0.992"

PROTOCOLS = (
    Protocol(
        "edm",
        "EDM's fid.py = clean-fid legacy_tensorflow",
        NVIDIA,
        "TF-1 bilinear, inside NVIDIA's network",
        _UP_TO,
        "EDM (the least of three seed blocks)",
        "exactly 50,000 images, a seeded 50,000 of more; the data: the whole training set at the network's resolution",
        most=_FULL,
        least=_FULL,
    ),
    Protocol(
        "torch_fidelity",
        "torch-fidelity",
        "inception",
        _TENSORFLOW,
        _UP_TO,
        "what names torch-fidelity",
        "all images of both inputs",
    ),
    Protocol(
        "adm",
        "ADM's evaluator.py",
        "inception",
        "TF-1 bilinear, inside TensorFlow's graph",
        _UP_TO,
        "ADM (guided-diffusion), and what is measured with its evaluator",
        "all of the samples, which are 50,000; the data: the whole data set",
        least=_FULL,
        spatial="inception_spatial",
        scored=True,
    ),
    Protocol(
        "pytorch_fid",
        "pytorch-fid = clean-fid legacy_pytorch",
        "inception_pytorch_fid",
        "bilinear with half pixels, no antialiasing",
        "-1 to 1",
        "what names pytorch-fid",
        "all images of both; 2,048 or more for a covariance of full rank",
        least=2048,
    ),
    Protocol(
        "clean_fid",
        "clean-fid clean",
        "inception_clean",
        "Pillow's bicubic on floats: antialiased, clipped, not rounded",
        _UP_TO,
        "what names clean-fid",
        "50,000 images of a generator; the data: its own statistics by data set, split, resolution and mode",
        most=_FULL,
        least=_FULL,
    ),
)


def split_references(given: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The images of the data, and the files of statistics by protocol, from what the user gave for ``ref``.

    Args:
        given: one path of images, and any NAME=FILE.

    Raises:
        UserError: there are no images or several, a name is none of a protocol, or stands there twice.
    """
    names = [protocol.name for protocol in PROTOCOLS]
    files: dict[str, str] = {}
    data: list[str] = []
    for each in given:
        name, equals, file = each.partition("=")
        if not equals or name not in names:
            data.append(each)
            continue
        if name in files:
            raise UserError(f"{named('ref')}={each}: {name} has a file already, {files[name]}")
        files[name] = file
    if len(data) != 1:
        found = f"{named('ref')}={' and '.join(data)}: " if data else f"{named('ref')}: "
        raise UserError(
            f"{found}give the data's images once (a folder, a zip or an npz); statistics are given as NAME=FILE, "
            f"NAME one of {', '.join(names)}"
        )
    return data[0], files
