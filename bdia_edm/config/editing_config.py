"""The options of an edit, as conf/ and the command line give them, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from bdia_edm.base.options import check_ranges, option, read_options, require
from bdia_edm.checkpoints.locating import RemoteFile
from bdia_edm.config.common_config import section
from bdia_edm.config.detector_card import NONE, DetectorCard
from bdia_edm.config.inversion_config import InversionConfig, read_inversion_config
from bdia_edm.config.run_config import read_detectors
from bdia_edm.samplers.inversion import OneStepSampler

__all__ = ["NEXT", "Edit", "EditingConfig", "read_editing_config"]

NEXT = "next"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What becomes of the images."""

    class_idx: int | str = option(
        NEXT, words="the class that the images are to have: a number, or next, each image's own plus one"
    )
    step: int = option(
        0,
        words="the step of the sampler at whose noise level the class changes: the images are inverted up to it alone "
        "(published as strength); 0 is the highest level, and the later the more stays of the image",
        low=0,
        high=1_000_000,
    )
    partner: str = option(
        "keep",
        words="the second state, which the inverse made under the old class: keep begins the way down from both, as "
        "published, drop from the latent alone",
        one_of=("keep", "drop"),
    )

    def __post_init__(self) -> None:
        check_ranges(self, "edit")
        chosen = self.class_idx == NEXT or (isinstance(self.class_idx, int) and self.class_idx >= 0)
        require(chosen, "edit.class_idx", self.class_idx, f"{NEXT} or a number from 0")


@dataclass(frozen=True, kw_only=True)
class EditingConfig(InversionConfig):
    """Everything that the user chose."""

    edit: Edit
    detector: DetectorCard

    @property
    def remote_files(self) -> list[RemoteFile]:
        """All that the model and the detector have."""
        without = self.detector.name == NONE
        return super().remote_files if without else [*self.model.remote_files, *self.detector.remote_files]

    def sections(self) -> list[tuple[str, Any]]:
        return [*super().sections(), ("edit.", self.edit), ("detector.", self.detector)]


def read_editing_config(values: Mapping[str, Any]) -> EditingConfig:
    """Checks a config, every option of it.

    Raises:
        UserError: at the first that is unknown, missing or out of range, or where the sampler has no inverse.
    """
    rest = dict(values)
    edit = read_options(Edit, section(rest, "edit"), "edit")
    detector, *more = read_detectors(rest)
    several = f"[{','.join(card.name for card in (detector, *more))}]"
    require(not more, "detector", several, "one detector, which looks what the edited images are")
    inversion = read_inversion_config(rest)
    last = (inversion.sampler.num_steps or 0) - 1
    if isinstance(inversion.sampler, OneStepSampler):
        one_state = f"keep with sampler={inversion.sampler.name}, which has no second state"
        require(edit.partner == "keep", "edit.partner", edit.partner, one_state)
    require(edit.step < last, "edit.step", edit.step, f"below {last}, the steps between the noise levels")
    plain = {each.name: getattr(inversion, each.name) for each in fields(InversionConfig)}
    plain["source"] = {**inversion.source, "edit": values["edit"], "detector": values["detector"]}
    return EditingConfig(edit=edit, detector=detector, **plain)
