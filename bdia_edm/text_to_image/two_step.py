"""What BDIA and O-BELM share: steps from two states, so that an exact inverse leads from a pair to a pair.

A picture gives z_0 alone. z_1 is a choice: whichever it is, inverse and way forward undo each other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import option
from bdia_edm.text_to_image.method import Kept, Method, last
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.prediction import Level, predict

__all__ = ["TwoStepMethod"]

SEEDS = ("time_0", "time_1", "minus_spacing", "copy", "ones")


@dataclass(frozen=True, kw_only=True)
class TwoStepMethod(Method):
    """A two-step method: a subclass gives ``solve`` and ``solve_back``."""

    seed: str = option(
        "time_0",
        words="how z_1 is made of z_0: by DDIM's step with the network told time 0; time_1, as the BELM repository "
        "tells it; minus_spacing, 0 less the timesteps' spacing, as BDIA's editing code does; copy: z_1 is z_0; ones: "
        "with noise 1 instead of the network's, the slip of the BELM repository's BDIA",
        one_of=SEEDS,
    )

    def data_time(self, num_steps: int, num_train: int) -> float:
        return {"time_1": 1.0, "minus_spacing": -float(num_train // num_steps)}.get(self.seed, 0.0)

    def check(self, levels: Sequence[Level], dtype: torch.dtype, guidance: float) -> None:
        if len(levels) < 3:
            raise UserError(f"strength: it leaves 1 step; must leave 2 at least: {self.name} keeps a pair")

    @abstractmethod
    def solve(self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None) -> Iterator[Tensor]:
        """The state after every step, down from z at levels[0]; ``second`` is that at levels[1], where it is known."""

    @abstractmethod
    def solve_back(
        self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None
    ) -> Iterator[Tensor]:
        """The same for rising levels: undoes the steps of ``solve``."""

    def invert(self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None = None) -> Kept:
        if second is None:
            second = self.seed_of(z, levels)
        before, noisiest = last(self.solve_back(eps, z, levels[::-1], second), 2)
        return Kept(torch.stack([noisiest, before]))

    def forward(self, eps: NoiseEstimate, kept: Kept, levels: Sequence[Level]) -> Iterator[Tensor]:
        z = kept.states[0]
        second = kept.states[1] if len(kept.states) > 1 else None
        for state in self.solve(eps, z, levels, second):
            yield torch.stack([state, z])
            z = state

    def seed_of(self, z: Tensor, levels: Sequence[Level]) -> Tensor | None:
        """z_1 of the latent z, where it is made without the network; None where the first step asks it."""
        if self.seed == "copy":
            return z
        if self.seed == "ones":
            return self.place(predict(torch.ones_like(z), z, levels[-1], "epsilon").at(levels[-2]))
        return None
