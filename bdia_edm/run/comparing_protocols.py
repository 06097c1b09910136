"""How other programs' images are measured under every protocol: the options, for Python and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import Say, to_stderr
from bdia_edm.base.option_names import named
from bdia_edm.base.options import check_ranges, option, require
from bdia_edm.images.float_images import RANGES
from bdia_edm.run.protocols import FEWER_IMAGES

__all__ = ["Comparing"]


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """How images are measured under every protocol.

    Attributes:
        num: of each of these numbers of images every protocol has a row.
        progress: whether bars are shown on stderr.
        say: takes warnings.
    """

    num: tuple[int, ...] = option(
        (),
        words="how many images, drawn by the seed where there are more; give it again for several",
        default_words=f"what each protocol takes, and {FEWER_IMAGES:,} where there are more",
    )
    seed: int = option(0, words="draws the images where there are more", low=0)
    weights: str | None = option(
        None, words="torch-fidelity's Inception: a path or a URL", default_words="that of the detector inception"
    )
    nvidia: str | None = option(
        None,
        words="NVIDIA's Inception, a TorchScript file: a path or a URL",
        default_words="that of the detector inception_nvidia; where it cannot be had, EDM's row has no figure",
    )
    nvidia_sha256: str | None = option(None, words="the checksum that this file must have; it is a program")
    float_range: str | None = option(
        None, words="black and white of images that are floats, which are made 8-bit here", one_of=tuple(RANGES)
    )
    batch: int = option(64, words="images at once in the detectors", low=1)
    device: str = option("auto", words="where the detectors run: auto (a GPU where there is one), cpu, cuda or cuda:N")
    progress: bool = True
    say: Say = to_stderr

    def __post_init__(self) -> None:
        check_ranges(self, "")
        for num in self.num:
            require(num >= 2 and self.num.count(num) == 1, "num", num, "at least 2, and stand there once")
        if self.nvidia_sha256 is not None and self.nvidia is None:
            given = f"{named('nvidia_sha256')}={self.nvidia_sha256}"
            raise UserError(f"{given}: is for {named('nvidia')}, which is not given")
