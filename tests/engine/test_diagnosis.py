"""At which step images stop being finite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.diagnosis import describe_first_fault
from bdia_edm.engine.plan import Block
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser, Denoise
from bdia_edm.samplers.euler import EulerSampler
from bdia_edm.samplers.registry import make_sampler
from bdia_edm.samplers.time_steps import edm_time_steps


class Breaking(GaussianMixture):
    """Gives NaN for one image, below a noise level or at one evaluation only."""

    def __init__(self, level: float = 0.0, evaluation: int = 0) -> None:
        super().__init__()
        self.level, self.evaluation, self.evaluations = level, evaluation, 0

    def forward(self, x: Tensor, sigma: Tensor | float, class_labels: Tensor | None = None) -> Tensor:
        self.evaluations += 1
        out = super().forward(x, sigma, class_labels)
        if float(sigma) < self.level or self.evaluations == self.evaluation:
            out[-1] = float("nan")
        return out


SAMPLERS: list[tuple[str, dict[str, Any]]] = [
    ("euler", {}),
    ("edm", {}),
    ("bdia", {"gamma": 0.2, "backward": "heun"}),
    ("ablation", {"solver": "euler"}),
]


@pytest.mark.parametrize(("name", "options"), SAMPLERS)
def test_the_step_is_named(name: str, options: dict[str, Any]) -> None:
    """Below the level of step 4 of 6: Heun's method sees it at the end of step 3, Euler's at the start of step 4."""
    sampler = make_sampler(name, {"num_steps": 6, "sigma_min": 0.002, "sigma_max": 80.0, **options})
    levels = edm_time_steps(BatchDenoiser(GaussianMixture()), 6, 0.002, 80.0, 7.0)
    broken = Breaking(level=float(levels[3]) * 1.001)

    step = 4 if name == "euler" or options.get("solver") == "euler" else 3
    found = describe_first_fault(broken, sampler, range(3))
    assert found == f"first at step {step} of 6 (noise level {float(levels[3]):.4g}), in the network's output"


def test_the_worker_names_the_seeds_and_the_step() -> None:
    worker = BlockSampler(Breaking(level=1.0), make_sampler("edm", {"num_steps": 4}), None, torch.device("cpu"), 5)
    message = (
        r"seeds 24,29,34: 3 of 15 images of the block are not finite; "
        r"first at step \d of 4 \(noise level 0\.\d+\), in the network's output"
    )
    with pytest.raises(UserError, match=message):
        worker.run(Block(0, 0, tuple(range(20, 35))), lambda num: None, print)


def test_what_does_not_happen_again_is_said() -> None:
    """The first evaluation after the loading fails, none later: nothing that depends on the seeds."""
    worker = BlockSampler(Breaking(evaluation=3), make_sampler("edm", {"num_steps": 4}), None, torch.device("cpu"), 5)
    with pytest.raises(UserError, match="sampled again they are finite, so the device or its memory is at fault"):
        worker.run(Block(0, 0, tuple(range(5))), lambda num: None, print)


class Overflowing(EulerSampler):
    """Its last step leaves floating point, after the last evaluation."""

    def solve(self, denoiser: Denoise, x: Tensor, t: Sequence[float]) -> Iterator[Tensor]:
        *states, last = super().solve(denoiser, x, t)
        yield from [*states, last * float("inf")]


def test_an_overflow_after_the_last_evaluation() -> None:
    sampler = Overflowing(num_steps=9, denoise_to_zero=False)
    assert describe_first_fault(GaussianMixture(), sampler, range(2)) == "first after step 9 of 9"
