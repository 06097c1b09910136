"""What a network's output says of a latent z = alpha x_0 + sigma e at one level, x_0 and e, and the way to another one.

    Phi_{j->k}(z, e) = alpha_k (z - sigma_j e)/alpha_j + sigma_k e

is DDIM's step (Song et al. 2020, arXiv 2010.02502) from level j to level k, up or down. For the same e, Phi_{k->j}
undoes it. Levels: alpha² = the cumulative product of 1 - beta up to the level's time, sigma² = 1 - alpha².
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from bdia_edm.base.options import require

__all__ = ["PREDICTION_TYPES", "Level", "Prediction", "predict"]

PREDICTION_TYPES = ("epsilon", "v_prediction", "sample")


class Level(NamedTuple):
    """A noise level.

    Attributes:
        time: what the network is told of it.
        alpha, sigma: of the data and of the noise in a latent; numbers or tensors of no dimension.
    """

    time: float
    alpha: float | Tensor
    sigma: float | Tensor


class Prediction(NamedTuple):
    """The data x_0 and the noise e in a latent, each of the latent's shape."""

    x0: Tensor
    e: Tensor

    def at(self, level: Level) -> Tensor:
        """Phi: the latent of the same data and noise at another level."""
        return level.alpha * self.x0 + level.sigma * self.e


def predict(output: Tensor, z: Tensor, level: Level, prediction_type: str) -> Prediction:
    """What a network's output for the latent z at a level says.

    Args:
        prediction_type: what the network predicts: 'epsilon', e; 'sample', x_0; or 'v_prediction', alpha e - sigma x_0.

    Raises:
        UserError: another prediction type.
    """
    require(prediction_type in PREDICTION_TYPES, "prediction_type", prediction_type, " or ".join(PREDICTION_TYPES))
    alpha, sigma = level.alpha, level.sigma
    if prediction_type == "epsilon":
        return Prediction((z - sigma * output) / alpha, output)
    if prediction_type == "sample":
        return Prediction(output, (z - alpha * output) / sigma)
    return Prediction(alpha * z - sigma * output, alpha * output + sigma * z)
