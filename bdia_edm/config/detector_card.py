"""Cards of detectors: what conf/detector and the command line say of a detector's file."""

from __future__ import annotations

from dataclasses import dataclass

from bdia_edm.base.options import check_ranges, option, read_options, require
from bdia_edm.checkpoints.locating import RemoteFile, remote_files
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.model_card import check_sha256, most_bytes
from bdia_edm.config.yaml_files import load_yaml
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["NONE", "DetectorCard", "detector_card", "detector_names", "listed_detectors"]

NONE = "none"
"""Instead of a detector: no features, nothing is measured."""


def detector_names() -> list[str]:
    """What ``detector=`` takes."""
    return [*DETECTORS.names(), NONE]


def listed_detectors() -> list[str]:
    """The same for the help: by the cards, which all of this program have, since the modules of most need PyTorch."""
    cards = {path.stem for path in (conf_folder() / "detector").glob("*.yaml")} - {NONE}
    return [*sorted(cards.union(DETECTORS.known())), NONE]


@dataclass(frozen=True)
class DetectorCard:
    """Which detector."""

    name: str = option(words="which detector")
    path: str | None = option(
        None,
        words="its file, as a path, a URL or embedded:NAME; null for a detector without one",
        harmless="its checksum is in the identity",
    )
    sha256: str | None = option(
        None, words="pinned checksum of that file; TorchScript needs it", harmless="it only refuses another file"
    )

    most_bytes: int | None = most_bytes("the file")

    def __post_init__(self) -> None:
        check_ranges(self, "detector")
        require(self.name in detector_names(), "detector", self.name, f"one of {', '.join(detector_names())}")
        if self.name == NONE or not DETECTORS[self.name].takes_file:
            require(self.path is None, "detector.path", self.path, f"left out: {self.name} has no weights")
        else:
            require(self.path is not None, "detector.path", self.path, "a path or a URL")
        check_sha256("detector.sha256", self.sha256)

    @property
    def remote_files(self) -> list[RemoteFile]:
        """Its weights, where they must be fetched."""
        return remote_files(self.path, self.sha256, self.most_bytes)


def detector_card(name: str, path: str | None = None, sha256: str | None = None) -> DetectorCard:
    """The card of conf/detector, or, with ``path``, one for that file (with that checksum) of the same kind.

    Raises:
        UserError: the name is unknown, or it is no detector with weights.
    """
    require(name in detector_names(), "detector", name, f"one of {', '.join(detector_names())}")
    card = conf_folder() / "detector" / f"{name}.yaml"
    # One of the user's own module may have no card.
    if path is not None or not card.is_file():
        return DetectorCard(name, path, sha256)
    return read_options(DetectorCard, load_yaml(card), "detector")
