"""Rex (Blasingame, Liu 2025, arXiv 2502.08834): any explicit Runge-Kutta method made exactly invertible; here its ODEs.

The ODE is integrated as Z = x/W by a variable V in which it reads dZ/dV = K(W Z; t):

    data:  V(t) = 1/t, W(t) = t, K = D(x; t)            noise: V(t) = t, W(t) = 1, K = d = (x - D)/t

Psi(a -> b, x) is the tableau's increment of Z from V(a) to V(b). Two states are coupled, x^ = x at the start:

    x'  = W(b)/W(a) (zeta x + (1 - zeta) x^) + W(b) Psi(a -> b, x^)
    x^' = W(b)/W(a) x^ - W(b) Psi(b -> a, x')

and backwards

    x^ = W(a)/W(b) x^' + W(a) Psi(b -> a, x'),  x = W(a)/W(b) x'/zeta + (1 - 1/zeta) x^ - W(a) Psi(a -> b, x^)/zeta

2s evaluations a step with s stages. A step needs the network at both of its ends, so the way ends at t_{N-1}; with
``denoise_to_zero`` an image D(x; t_{N-1}) comes after it, which is no state of the inverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bdia_edm.base.late_torch import torch
from bdia_edm.base.options import option
from bdia_edm.samplers.denoising import BatchDenoiser, Denoise, gradient
from bdia_edm.samplers.inversion import CoupledSampler
from bdia_edm.samplers.lambda_multistep import LambdaMultistepSampler
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.sampler import Noise
from bdia_edm.samplers.scheduled import ODESampler, option_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TABLEAUS", "RexSampler", "rex", "rex_back"]

# Rows a_s of each stage, and the weights b; c_s = sum a_s.
TABLEAUS: dict[str, tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]] = {
    "euler": (((),), (1.0,)),
    "midpoint": (((), (1 / 2,)), (0.0, 1.0)),
    "rk4": (((), (1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
}


def _V(t: float, prediction: str) -> float:
    """V(t), which is its own inverse."""
    return 1 / t if prediction == "data" else t


def _W(t: float, prediction: str) -> float:
    return t if prediction == "data" else 1.0


def _psi(denoiser: Denoise, x: Tensor, a: float, b: float, prediction: str, tableau: str) -> Tensor:
    """Psi(a -> b, x)."""
    rows, weights = TABLEAUS[tableau]
    V_a, H = _V(a, prediction), _V(b, prediction) - _V(a, prediction)
    Z = x / _W(a, prediction)
    K: list[Tensor] = []
    for row in rows:
        t = _V(V_a + sum(row) * H, prediction) if row else a
        x_s = _W(t, prediction) * _add(Z, H, row, K)
        K.append(denoiser(x_s, t) if prediction == "data" else gradient(denoiser, x_s, t))
    return _add(torch.zeros_like(x), H, weights, K)


def _add(Z: Tensor, H: float, weights: Sequence[float], K: Sequence[Tensor]) -> Tensor:
    for weight, k in zip(weights, K, strict=True):
        if weight:
            Z = Z + H * weight * k
    return Z


def rex(
    denoiser: Denoise, x: Tensor, x_hat: Tensor, t: Sequence[float], *, prediction: str, tableau: str, zeta: float
) -> Iterator[Tensor]:
    """From t[0] to t[-1] > 0, the pair (2, N, C, H, W) float64, x and x^, after every step."""
    for a, b in pairwise(t):
        W_a, W_b = _W(a, prediction), _W(b, prediction)
        ahead = _psi(denoiser, x_hat, a, b, prediction, tableau)
        x = W_b / W_a * (zeta * x + (1 - zeta) * x_hat) + W_b * ahead
        x_hat = W_b / W_a * x_hat - W_b * _psi(denoiser, x, b, a, prediction, tableau)
        yield torch.stack([x, x_hat])


def rex_back(
    denoiser: Denoise, x: Tensor, x_hat: Tensor, t: Sequence[float], *, prediction: str, tableau: str, zeta: float
) -> Iterator[Tensor]:
    """The inverse of ``rex``, for rising levels."""
    for b, a in pairwise(t):
        W_a, W_b = _W(a, prediction), _W(b, prediction)
        x_hat = W_a / W_b * x_hat + W_a * _psi(denoiser, x, b, a, prediction, tableau)
        ahead = _psi(denoiser, x_hat, a, b, prediction, tableau)
        x = W_a / W_b * x / zeta + (1 - 1 / zeta) * x_hat - W_a * ahead / zeta
        yield torch.stack([x, x_hat])


@SAMPLERS.add("rex")
@dataclass(frozen=True, kw_only=True)
class RexSampler(CoupledSampler):
    """Rex over a Runge-Kutta method, exactly invertible."""

    name = "rex"
    title = "Rex"
    grows_below = "zeta"
    prediction: str = option_of(LambdaMultistepSampler, "prediction", "data")
    tableau: str = option("euler", words="the Runge-Kutta method; s stages take 2s evaluations", one_of=tuple(TABLEAUS))
    zeta: float = option(0.999, words="coupling of the two states; the inverse divides by it", low=0.01, high=1)
    denoise_to_zero: bool = option_of(ODESampler, "denoise_to_zero", False)

    @property
    def growth(self) -> float:
        # Of Z, in which x and x^ differ by zeta less after a step. With prediction=data the states' scale W comes on
        # top: rounding of the image is t_0/t_{N-1} times as large in the latent.
        return 1 / self.zeta

    def trajectory(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Iterator[tuple[float, Tensor]]:
        t = self.levels(denoiser)
        for level, pair in self.pairs(self.solve, denoiser, latents.to(torch.float64) * t[0], t):
            yield level, pair
        if self.denoise_to_zero:
            yield 0.0, denoiser(pair[0], t[-1]).expand_as(pair)

    def solve(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return rex(denoiser, x, x if partner is None else partner, t, **self._options)

    def solve_back(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return rex_back(denoiser, x, x if partner is None else partner, t, **self._options)

    @property
    def _options(self) -> dict[str, Any]:
        return {"prediction": self.prediction, "tableau": self.tableau, "zeta": self.zeta}
