"""Churn, the stochastic part of EDM's samplers (Karras et al. 2022, arXiv 2206.00364, Algorithm 2).

Before a step from t_i the noise level is raised to t_hat_i = (1 + gamma_i) t_i, and the noise of the difference is
added; gamma_i = min(S_churn/N, sqrt(2) - 1) where S_min <= t_i <= S_max, else 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bdia_edm.base.options import option, require
from bdia_edm.samplers.sampler import Sampler

__all__ = ["ChurnSampler"]


@dataclass(frozen=True, kw_only=True)
class ChurnSampler(Sampler):
    """A sampler with churn; with S_churn > 0 it draws noise at every step, also where gamma_i is 0."""

    S_churn: float = option(0.0, words="amount of noise added over all steps; 0 is deterministic", low=0)
    S_min: float = option(0.0, words="lowest noise level at which noise is added", low=0)
    S_max: float = option(math.inf, words="highest noise level at which noise is added", low=0)
    S_noise: float = option(1.0, words="factor of the added noise", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("S_churn", "S_noise"):
            value = getattr(self, name)
            require(value < math.inf, f"sampler.{name}", value, "at least 0 and finite")
        require(self.S_max >= self.S_min, "sampler.S_max", self.S_max, f"at least S_min, {self.S_min:g}")

    @property
    def idle(self) -> tuple[str, ...]:
        return () if self.S_churn > 0 else ("S_min", "S_max", "S_noise")

    @property
    def is_stochastic(self) -> bool:
        return self.S_churn > 0

    def churn(self, sigma: float) -> float:
        """gamma_i: by how much the noise level rises before a step from ``sigma``."""
        return min(self.S_churn / self.num_steps, math.sqrt(2) - 1) if self.S_min <= sigma <= self.S_max else 0.0
