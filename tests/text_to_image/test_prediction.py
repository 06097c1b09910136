"""What an output says of a latent, for every kind of prediction; and the way to other levels and back."""

from __future__ import annotations

import math

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.prediction import PREDICTION_TYPES, Level, predict

HIGH, LOW = Level(900, 0.1, math.sqrt(1 - 0.01)), Level(100, 0.95, math.sqrt(1 - 0.95**2))


@pytest.mark.parametrize("predicts", PREDICTION_TYPES)
def test_data_and_noise_are_found_again(predicts: str) -> None:
    x0, e = torch.randn(2, 1, 4, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = HIGH.alpha * x0 + HIGH.sigma * e
    outputs = {"epsilon": e, "sample": x0, "v_prediction": HIGH.alpha * e - HIGH.sigma * x0}
    found = predict(outputs[predicts], z, HIGH, predicts)
    torch.testing.assert_close(found.x0, x0, rtol=0, atol=1e-14)
    torch.testing.assert_close(found.e, e, rtol=0, atol=1e-14)
    torch.testing.assert_close(found.at(HIGH), z, rtol=0, atol=1e-14)


def test_a_step_is_undone_by_one_with_the_same_noise() -> None:
    z, e = torch.randn(2, 1, 4, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    down = predict(e, z, HIGH, "epsilon").at(LOW)
    torch.testing.assert_close(predict(e, down, LOW, "epsilon").at(HIGH), z, rtol=0, atol=1e-14)


def test_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="prediction_type=flow"):
        predict(torch.zeros(1), torch.zeros(1), HIGH, "flow")
