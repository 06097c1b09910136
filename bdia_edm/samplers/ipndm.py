"""iPNDM (Zhang, Chen 2023, arXiv 2204.13902, after Liu et al. 2022, arXiv 2202.09778).

Adams-Bashforth weights of even steps, whatever the steps are: 3, -1 over 2; 23, -16, 5 over 12; 55, -59, 37, -9 over
24, for the present gradient and those before, times h = t_{i+1} - t_i. Since EDM's steps are not even, the order that
the weights have on even ones is not reached: on the Gaussian mixture 1.7, 2.5, 2.3 for ``order`` 2, 3, 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdia_edm.samplers.linear_multistep import LinearMultistepSampler
from bdia_edm.samplers.registry import SAMPLERS

__all__ = ["IPNDMSampler"]

_WEIGHTS = {2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12), 4: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}


@SAMPLERS.add("ipndm")
@dataclass(frozen=True, kw_only=True)
class IPNDMSampler(LinearMultistepSampler):
    """iPNDM: Adams-Bashforth with the weights of even steps."""

    name = "ipndm"
    title = "iPNDM"

    def weights(self, t: Sequence[float], i: int, q: int) -> Sequence[float]:
        h = t[i + 1] - t[i]
        return [h * c for c in _WEIGHTS[q]]
