"""Multistep methods in lambda = -ln t: what DPM-Solver++ and UniPC share.

With m the prediction, D(x; t) (data) or d = (x - D)/t (noise), and h = lambda_{i+1} - lambda_i > 0 a step is

    x_{i+1} = scale x_i - S E m_0 - (differences of m),  E = e^z - 1
    data:  z = -h, scale = t_{i+1}/t_i, S = 1
    noise: z = +h, scale = 1,           S = t_{i+1}

m_0 is the present prediction, m_1, m_2 are older.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bdia_edm.base.options import option
from bdia_edm.samplers.denoising import Denoise, gradient
from bdia_edm.samplers.scheduled import ODESampler, ScheduledSampler, option_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PREDICTIONS", "LambdaMultistepSampler", "LambdaStep", "dynamic_threshold", "lambda_step", "orders"]

PREDICTIONS = ("data", "noise")
_QUANTILE = 0.995


class LambdaStep(NamedTuple):
    """The numbers of a step, in the module's symbols."""

    h: float
    z: float
    E: float
    scale: float
    S: float


def lambda_step(t: float, t_next: float, prediction: str) -> LambdaStep:
    """Of the step from t to t_next."""
    h = math.log(t) - math.log(t_next)
    if prediction == "data":
        return LambdaStep(h, -h, math.expm1(-h), t_next / t, 1.0)
    return LambdaStep(h, h, math.expm1(h), 1.0, t_next)


def orders(steps: int, order: int, lower_order_final: bool) -> list[int]:
    """Every step's order: as many predictions as there are, and one less at each of the last steps if asked for."""
    return [i + 1 if i + 1 < order else min(order, steps - i) if lower_order_final else order for i in range(steps)]


def dynamic_threshold(denoised: Tensor) -> Tensor:
    """Imagen's dynamic thresholding (Saharia et al. 2022, arXiv 2205.11487): clip(D, -S, S)/S.

    S = max(q, 1), q being the image's 0.995 quantile of |D|, interpolated linearly; images (N, C, H, W) within [-1, 1]
    stay as they are. torch.quantile is not used: it takes no more than 16 million values.
    """
    magnitudes = denoised.abs().flatten(1)
    position = _QUANTILE * (magnitudes.shape[1] - 1)
    below = math.floor(position)
    largest = magnitudes.topk(magnitudes.shape[1] - below, dim=1).values
    low, high = largest[:, -1], largest[:, max(largest.shape[1] - 2, 0)]
    S = (low + (position - below) * (high - low)).clip(min=1)[:, None, None, None]
    return denoised.clip(-S, S) / S


@dataclass(frozen=True, kw_only=True)
class LambdaMultistepSampler(ODESampler):
    """A multistep method in lambda: a subclass gives ``steps`` alone."""

    repeats = False
    schedule: str = option_of(ScheduledSampler, "schedule", "logsnr")
    order: int = option(3, words="largest number of predictions in a step, the order; 1 is DDIM", low=1, high=3)
    prediction: str = option(
        "data", words="what is interpolated: data is D(x; t), noise is (x - D(x; t))/t", one_of=PREDICTIONS
    )
    threshold: bool = option(
        True,
        words="whether each D(x; t) passes Imagen's dynamic thresholding, as in the published figures; with data alone",
    )
    lower_order_final: bool = option(True, words="whether the order falls in the last steps")

    @property
    def idle(self) -> tuple[str, ...]:
        return super().idle if self.prediction == "data" else (*super().idle, "threshold")

    @abstractmethod
    def steps(self, model: Denoise, x: Tensor, t: Sequence[float], orders: Sequence[int]) -> Iterator[Tensor]:
        """The state after every step; ``model`` gives m at (x, t), ``orders`` every step's order."""

    def solve(self, denoiser: Denoise, x: Tensor, t: Sequence[float]) -> Iterator[Tensor]:
        def model(x: Tensor, t: float) -> Tensor:
            if self.prediction == "noise":
                return gradient(denoiser, x, t)
            return dynamic_threshold(denoiser(x, t)) if self.threshold else denoiser(x, t)

        return self.steps(model, x, t, orders(len(t) - 1, self.order, self.lower_order_final))
