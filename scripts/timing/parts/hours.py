"""GPU-hours of 50,000 images of each released network; where there is no GPU, how much there is to compute."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bdia_edm.api import UserError
from scripts.timing.clock import in_turns
from scripts.timing.figures import Figure, Section, combined
from scripts.timing.flops import flops_of_checkpoint
from scripts.timing.parts.denoiser import refusal, way_name
from scripts.timing.subject import RELEASED, Subject, card_of, checkpoint_of

__all__ = ["measure"]

_IMAGES = 50_000
_ON_A_GPU = """\
50,000 images at the number of evaluations of the best published figure, by the bare network's and the detector's
measured images/s at the card's batch size; what the pipeline adds is its own part's."""
_ON_A_CPU = """\
There is no GPU here, so there are no GPU-hours: the FLOP of 50,000 images at the number of evaluations of the best
published figure, without the detector's."""


def measure(device: torch.device, ways: Sequence[str], repeats: int, models: Sequence[str] = RELEASED) -> Section:
    """Hours of each way that is not refused, or PFLOP."""
    if device.type != "cuda":
        section = Section("hours", "machine", "50,000 images of the released networks", _ON_A_CPU)
        for model in models:
            nfe = card_of(model)["published"]["nfe"]
            flops = flops_of_checkpoint(checkpoint_of(model))
            section.figures.append(Figure(f"{model}, one evaluation of an image", (flops / 1e9,), "GFLOP"))
            section.figures.append(Figure(f"{model}, {nfe} evaluations", (_IMAGES * nfe * flops / 1e15,), "PFLOP"))
        return section
    section = Section("hours", "machine", "GPU-hours of 50,000 images", _ON_A_GPU)
    refused: list[str] = []
    for model in models:
        card = card_of(model)
        batch, nfe = int(card["settings"]["batch_size"]), int(card["published"]["nfe"])
        with Subject.made(model, str(device), batch, 2) as subject:
            for way in ways:
                try:
                    works = {"bare": subject.evaluation(batch, way), "detector": subject.detection(batch)}
                except UserError as error:
                    refused.append(f"{model}: {refusal(way, error)}")
                    continue
                took = {name: [each.wall for each in found] for name, found in in_turns(works, repeats).items()}
                hours = combined(
                    f"{model}, {nfe} evaluations, {way_name(way)}",
                    "GPU-hours",
                    lambda bare, detector, nfe=nfe, batch=batch: _IMAGES / batch * (nfe * bare + detector) / 3600,
                    took["bare"],
                    took["detector"],
                )
                section.figures.append(hours)
        torch.cuda.empty_cache()
    section.after = "\n".join(refused)
    return section
