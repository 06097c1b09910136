"""How far a sampler's images are from the ODE's own solutions from the same latents: its error without any detector.

Of images of N seeds, s_k the mean square over the pixels of image k less its fine solution:

    ode_rms = (mean_k s_k)^½,   its influence function (s_k - mean s) / (2 ode_rms).

There is no reference and no feature in it, and no bias in N. Samplers of one highest noise level are compared; another
level is another latent, and another problem.
"""

from __future__ import annotations

import math

import numpy as np

from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.metric import METRICS, FeatureSpace, Metric, Rows
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.uncertainty import Uncertainty

__all__ = ["OdeError"]

_FIGURE = "ode_rms"


@METRICS.add("ode_error")
class OdeError(Metric):
    """Root-mean-square distance of the images from the ODE's fine solution from the same latents; 511 evaluations more
    for each image."""

    name = "ode_error"
    needs = frozenset({"ode_errors"})

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        return {_FIGURE: math.sqrt(findings.ode_errors.mean())}

    def uncertainty(
        self, findings: Findings, reference: Reference, space: FeatureSpace, rows: Rows
    ) -> dict[str, Uncertainty]:
        squares = findings.ode_errors
        if not squares.any():
            return {}
        influence = (squares - squares.mean()) / (2 * math.sqrt(squares.mean()))
        return {_FIGURE: Uncertainty(1, influence, np.empty(0))}
