"""What stands around the network within a batch: the sampler's own arithmetic, the streams, pixels, the detector."""

from __future__ import annotations

import torch

from bdia_edm.api import sample_images, to_uint8
from bdia_edm.engine.batch import draw_batch
from scripts.timing.clock import in_turns, steady
from scripts.timing.figures import Figure, Section, combined
from scripts.timing.flops import flops_of
from scripts.timing.subject import Subject

__all__ = ["measure"]

_WORDS = """\
One batch of {batch} images by EDM's sampler in {steps} steps, {nfe} evaluations; what it takes more than so many bare
evaluations of the same turn, as a share of them. The state is float64."""


def measure(subject: Subject, repeats: int) -> Section:
    """Overhead of the sampler, and the images/s of what comes before and after it."""
    run, device, batch, nfe = subject.run, subject.torch_device, subject.batch_size, subject.nfe
    seeds = range(batch)
    images = subject.noise(batch)[0].to(torch.float64)

    def sample() -> None:
        sample_images(run.denoiser, run.config.sampler, seeds, device=device)

    works = {
        "bare": subject.evaluation(batch),
        "sampler": steady(sample, device),
        "streams": steady(lambda: draw_batch(run.denoiser, seeds, device=device), device),
        "pixels": steady(lambda: to_uint8(images), device),
        "to the host": steady(lambda: to_uint8(images).cpu(), device),
    }
    if run.detector is not None:
        works["detector"] = subject.detection(batch)
    took = {name: [each.wall for each in found] for name, found in in_turns(works, repeats).items()}
    words = _WORDS.format(batch=batch, steps=subject.num_steps, nfe=nfe)
    section = Section("sampler", subject.model, "Around the network", words)
    section.figures.append(Figure("sampler", tuple(batch / each for each in took["sampler"]), "images/s"))
    section.figures.append(
        combined("sampler over NFE × bare", "%", lambda all_, one: 100 * (all_ / (nfe * one) - 1), *_two(took))
    )
    for name, what in (
        ("streams", "latents and labels from seeds"),
        ("pixels", "float64 to uint8"),
        ("to the host", "float64 to uint8, copied to the host"),
        ("detector", "detector"),
    ):
        if name in took:
            section.figures.append(Figure(what, tuple(batch / each for each in took[name]), "images/s"))
    if run.detector is not None:
        detector = run.detector
        flops = flops_of(lambda: detector(to_uint8(images[:1])))
        rates = tuple(batch * flops / each / 1e9 for each in took["detector"])
        section.figures.append(Figure("detector: speed", rates, "GFLOP/s"))
    return section


def _two(took: dict[str, list[float]]) -> tuple[list[float], list[float]]:
    return took["sampler"], took["bare"]
