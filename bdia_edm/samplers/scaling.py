"""The scale of the states that a method mixes.

A formula that adds two states of different noise levels depends on their scale: z = s(t) x. EDM's states have s = 1
(none); those of DDIM and its relatives are variance preserving, s(t) = 1/sqrt(1 + t²) (vp), and BDIA-DDIM and EDICT
were published for them. The samplers' state stays x; only ratios of s enter their formulas.
"""

from __future__ import annotations

import math
from typing import Any

from bdia_edm.base.options import option

__all__ = ["SCALINGS", "scale_ratio", "scaling_option"]

SCALINGS = ("none", "vp")


def scale_ratio(scaling: str, t: float, t_other: float) -> float:
    """s(t)/s(t_other)."""
    return math.sqrt((1 + t_other * t_other) / (1 + t * t)) if scaling == "vp" else 1.0


def scaling_option() -> Any:
    """The option ``scaling`` of the methods that depend on the scale."""
    return option(
        "none",
        words="scale of the states that are mixed; vp is the form that was published for DDIM's states",
        one_of=SCALINGS,
    )
