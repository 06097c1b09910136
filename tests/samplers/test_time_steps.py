"""EDM's time steps against the original's."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.time_steps import edm_levels, edm_time_steps, noise_range
from tests.references import REFERENCE, build

REFERENCES = json.loads((REFERENCE / "sampling" / "edm_time_steps.json").read_text())
MIXTURE = BatchDenoiser(GaussianMixture())


@pytest.mark.parametrize("num_steps", [9, 18, 40, 256])
def test_reference_time_steps(num_steps: int) -> None:
    time_steps = edm_time_steps(MIXTURE, num_steps)
    np.testing.assert_allclose(time_steps, REFERENCES[str(num_steps)], rtol=1e-13)


def test_ends_and_order() -> None:
    time_steps = edm_time_steps(MIXTURE, 5, sigma_min=0.5, sigma_max=7, rho=3)
    assert (time_steps[0], time_steps[4], time_steps[5]) == pytest.approx((7, 0.5, 0))
    assert time_steps == sorted(time_steps, reverse=True)
    assert all(type(t) is float for t in time_steps)
    assert edm_levels(3, 1.0, 4.0, 1.0).tolist() == pytest.approx([4, 2.5, 1])


def test_the_network_limits_the_range() -> None:
    denoiser = BatchDenoiser(build("tiny-song-vp-cond-VEPrecond"))
    assert noise_range(denoiser, None, None, (0.002, 80.0)) == (0.02, 80.0)
    assert noise_range(denoiser, 0.001, 500.0, (0.002, 80.0)) == (0.02, 100.0)
    with pytest.raises(UserError, match=r"the range is empty; this network takes noise levels from 0.02 to 100"):
        noise_range(denoiser, 200.0, None, (0.002, 80.0))


def test_levels_are_rounded_to_the_networks() -> None:
    network = build("tiny-adm-cond-iDDPMPrecond")
    time_steps = edm_time_steps(BatchDenoiser(network), 18)
    levels = set(network.u.double().tolist())
    assert all(level in levels for level in time_steps)


def test_they_are_on_the_cpu_whatever_the_default_device() -> None:
    with torch.device("meta"):
        assert edm_levels(3, 1.0, 4.0, 1.0).device.type == "cpu"
