"""The ablation sampler: the original's images in every setting, and EDM's where it is EDM."""

from __future__ import annotations

import itertools

import pytest
import torch

from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.preconditioning import iddpm_levels
from bdia_edm.samplers.ablation import DISCRETIZATIONS, SCALINGS, SCHEDULES, ablation_time_steps
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import make_sampler
from tests.sampling import cases_of, check_case, run


@pytest.mark.parametrize(("network", "case"), cases_of("ablation"))
def test_images_are_the_originals(network: str, case: str) -> None:
    check_case(network, case)


@pytest.mark.parametrize(("solver", "sampler"), [("heun", "edm"), ("euler", "euler")])
def test_its_defaults_are_edm(solver: str, sampler: str) -> None:
    (ours, nfe), (edm, edm_nfe) = run("ablation", 18, solver=solver), run(sampler, 18)
    torch.testing.assert_close(ours, edm, atol=1e-10, rtol=0)
    assert nfe == edm_nfe


def test_churn_is_edms_too() -> None:
    options = {"num_steps": 12, "S_churn": 10, "S_min": 0.05, "S_max": 20, "S_noise": 1.01}
    latents = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    images = []
    for name in ("edm", "ablation"):
        generator = torch.Generator().manual_seed(1)
        images.append(
            make_sampler(name, options).sample(
                BatchDenoiser(GaussianMixture()),
                latents,
                lambda g=generator: torch.randn(4, 1, 4, 4, generator=g, dtype=torch.float64),
            )
        )
    torch.testing.assert_close(*images, atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("discretization", "schedule", "scaling"), list(itertools.product(DISCRETIZATIONS, SCHEDULES, SCALINGS))
)
def test_every_setting_solves_the_same_flow(discretization: str, schedule: str, scaling: str) -> None:
    """From the same noise level every path leads to the same images, if the steps are fine enough."""
    mixture = GaussianMixture(components=1)
    latents = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    sampler = make_sampler(
        "ablation",
        {"num_steps": 600, "discretization": discretization, "schedule": schedule, "scaling": scaling}
        | {"sigma_min": 0.02, "sigma_max": 80},
    )
    denoiser = BatchDenoiser(mixture)
    images = sampler.sample(denoiser, latents, lambda: latents)
    mean, s = mixture.means.reshape(1, 1, 4, 4), float(mixture.deviations[0])
    exact = mean + (latents.double() * 80 - mean) * s / (s**2 + 80**2) ** 0.5
    # iDDPM's largest level inside the range is a little under 80; the last step from 0.02 is Euler's.
    torch.testing.assert_close(images, exact, atol=0.01, rtol=0)
    assert denoiser.nfe == 1199


def test_iddpms_levels_are_the_originals() -> None:
    """The recurrence in float64, abar in float32: all in float64 would give 0.006425412771."""
    levels = iddpm_levels(0.001, 0.008, 1000, torch.float64)
    assert f"{levels[999].item():.14f}" == "0.00642246958120"
    network = iddpm_levels(0.001, 0.008, 1000)
    # Float32 sines, whose last bit is the processor's.
    expected = (0.006422337144613266, 20291.171875)
    assert (network[999].item(), network[0].item()) == pytest.approx(expected, rel=2**-22)


@pytest.mark.parametrize("num_steps", [2, 18, 40, 59])
def test_iddpms_grid_is_the_originals(num_steps: int) -> None:
    """u_j inside the range at round((len - 1)/(N - 1) i), computed in this order: at N = 59 another gives another."""
    time_steps, _ = ablation_time_steps(
        BatchDenoiser(GaussianMixture()),
        num_steps,
        sigma_min=None,
        sigma_max=None,
        rho=7,
        discretization="iddpm",
        schedule="linear",
    )
    u = iddpm_levels(0.001, 0.008, 1000, torch.float64)
    inside = u[(u >= 0.002) & (u <= 81.0)]
    factor = (len(inside) - 1) / (num_steps - 1)
    indices = (factor * torch.arange(num_steps, dtype=torch.float64)).round().long()
    assert torch.equal(time_steps, torch.cat([inside[indices], torch.zeros(1, dtype=torch.float64)]))
