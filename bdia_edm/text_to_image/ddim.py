"""DDIM, and its inversion, which is not exact (Song et al. 2020, arXiv 2010.02502; Dhariwal, Nichol 2021, 2105.05233).

    z_{i-1} = Phi_{i->i-1}(z_i, e_i)          z_i = Phi_{i-1->i}(z_{i-1}, e), e not the e_i that sampling uses

Two conventions of e are in use. ``target``, of diffusers' DDIMInverseScheduler and of null-text inversion: the network
is asked about z_{i-1} at the time t_i that the step goes to. ``here``, of the BELM repository: at the time t_{i-1}
where it is, and at 1 on the data's level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from bdia_edm.base.options import option
from bdia_edm.text_to_image.method import METHODS, Kept, Method, Usual, last
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.prediction import Level

__all__ = ["DDIM", "ddim", "ddim_back"]

NETWORK_TIMES = ("target", "here")


def ddim(eps: NoiseEstimate, z: Tensor, levels: Sequence[Level]) -> Iterator[Tensor]:
    """From z at levels[0] to the data, the latent after every step. One evaluation a step, guided two."""
    for level, newer in pairwise(levels):
        z = eps(z, level).at(newer)
        yield z


def ddim_back(
    eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], *, network_time: str = "target", guided: bool = True
) -> Iterator[Tensor]:
    """The inversion, from the data z at levels[0] upwards; as many evaluations. Unguided it takes the prompt alone."""
    estimate = eps if guided else eps.unguided
    for level, older in pairwise(levels):
        z = estimate(z, level, time=older.time if network_time == "target" else level.time).at(older)
        yield z


@METHODS.add("ddim")
@dataclass(frozen=True, kw_only=True)
class DDIM(Method):
    """DDIM, the baseline: its round trip is an approximation."""

    name = "ddim"
    exact = False
    pairs = False
    usual = Usual(num_steps=50, guidance=3.0, strength=0.8)
    network_time: str = option(
        "target",
        words="the time at which the inversion asks the network: target, where the step goes, as diffusers has it; "
        "here, where it comes from, as the BELM repository has it",
        one_of=NETWORK_TIMES,
    )

    def data_time(self, num_steps: int, num_train: int) -> float:
        return 1.0 if self.network_time == "here" else 0.0

    def invert(self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None = None) -> Kept:
        (z,) = last(ddim_back(eps, z, levels[::-1], network_time=self.network_time))
        return Kept(z[None])

    def forward(self, eps: NoiseEstimate, kept: Kept, levels: Sequence[Level]) -> Iterator[Tensor]:
        for z in ddim(eps, kept.states[0], levels):
            yield z[None]
