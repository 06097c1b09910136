"""Invertible samplers: each way undoes the other, with both states kept; and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler, growth_warning
from bdia_edm.samplers.registry import make_sampler
from tests.sampling import exact_samples
from tests.solver_references import diagonal_mixture, reference_arrays

BDIA = [
    {"integrator": integrator, "backward": backward, "scaling": scaling, "gamma": 1.0}
    for integrator in ("euler", "heun")
    for backward in ("euler", "heun")
    for scaling in ("none", "vp")
]
EXACT: list[tuple[str, dict[str, Any]]] = [
    *(("bdia", options) for options in BDIA),
    ("obelm", {}),
    ("edict", {}),
    ("edict", {"scaling": "vp"}),
    *(("rex", {"tableau": tableau}) for tableau in ("euler", "midpoint", "rk4")),
]


def sampler_of(name: str, num_steps: int, options: dict[str, Any]) -> InvertibleSampler:
    sampler = make_sampler(name, {"num_steps": num_steps, **options})
    assert isinstance(sampler, InvertibleSampler)
    return sampler


def images() -> Tensor:
    return exact_samples(GaussianMixture(), 8, seed=1)


def latents() -> Tensor:
    return 80 * torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("num_steps", [2, 3, 10, 18])
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_an_image_comes_back(name: str, options: dict[str, Any], num_steps: int) -> None:
    """forward(inverse(x)) = x, from the pair that the inverse ended with."""
    sampler, denoiser = sampler_of(name, num_steps, options), BatchDenoiser(GaussianMixture())
    up = list(sampler.invert(denoiser, images()))
    assert [level for level, _ in up] == sampler.levels(denoiser)[::-1]
    down = list(sampler.forward(denoiser, *up[-1][1]))
    assert [level for level, _ in down] == sampler.levels(denoiser)
    scale = max(float(pair.abs().max()) for _, pair in up)
    torch.testing.assert_close(down[-1][1][0], images(), rtol=0, atol=1e-10 * scale)
    # Every state on the way, not the image alone.
    for (level, pair), (level_back, pair_back) in zip(up, down[::-1], strict=True):
        assert level == level_back
        torch.testing.assert_close(pair[0], pair_back[0], rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("num_steps", [2, 3, 10, 18])
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_a_latent_comes_back(name: str, options: dict[str, Any], num_steps: int) -> None:
    """inverse(forward(z)) = z, to 1e-9 of the largest state of the way."""
    sampler, denoiser = sampler_of(name, num_steps, options), BatchDenoiser(GaussianMixture())
    down = list(sampler.forward(denoiser, latents()))
    up = list(sampler.invert(denoiser, *down[-1][1]))
    scale = max(float(pair.abs().max()) for _, pair in down)
    torch.testing.assert_close(up[-1][1][0], latents(), rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize(("name", "options"), EXACT)
def test_the_forward_half_is_the_sampler_to_sigma_min(name: str, options: dict[str, Any]) -> None:
    sampler, denoiser = sampler_of(name, 6, options), BatchDenoiser(GaussianMixture())
    way = list(sampler.trajectory(denoiser, (latents() / 80), lambda: latents()))
    start = (latents() / 80) * sampler.levels(denoiser)[0]
    for (level, pair), (expected_level, expected) in zip(sampler.forward(denoiser, start), way, strict=False):
        assert level == expected_level
        state = pair if name in ("edict", "rex") and expected.ndim == pair.ndim else pair[0]
        assert torch.equal(state, expected)


def mixture_images(num: int) -> Tensor:
    arrays, generator = reference_arrays("mixture"), torch.Generator().manual_seed(0)
    k = torch.multinomial(arrays["weights"], num, True, generator=generator)
    noise = torch.randn(num, 48, generator=generator, dtype=torch.float64)
    return (arrays["means"][k] + arrays["variances"][k].sqrt() * noise).reshape(num, 3, 4, 4)


def round_trips(sampler: InvertibleSampler) -> tuple[float, float, float]:
    """Largest errors of the image, and of the latent as a share of 80, and the inverted latents' deviation as one."""
    denoiser, image = BatchDenoiser(diagonal_mixture()), mixture_images(8)
    *_, (_, up) = sampler.invert(denoiser, image)
    *_, (_, down) = sampler.forward(denoiser, *up)
    z = 80 * torch.randn(image.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    *_, (_, ahead) = sampler.forward(denoiser, z)
    *_, (_, back) = sampler.invert(denoiser, *ahead)
    errors = (down[0] - image).abs().max(), (back[0] - z).abs().max() / 80
    return float(errors[0]), float(errors[1]), float(up[0].std()) / 80


@pytest.mark.parametrize("num_steps", [10, 18, 40])
@pytest.mark.parametrize(
    ("name", "options", "of_image", "of_latent"),
    [
        ("bdia", {"gamma": 1.0}, 5e-11, 1e-13),
        ("bdia", {"gamma": 1.0, "scaling": "vp"}, 1e-13, 1e-12),
        ("bdia", {"gamma": 1.0, "integrator": "euler"}, 1e-10, 1e-13),
        ("bdia", {"gamma": 0.9, "backward": "heun", "scaling": "vp"}, 1e-13, 5e-12),
        ("obelm", {}, 1e-13, 5e-11),
        ("edict", {"scaling": "vp"}, 1e-11, 1e-12),
        ("rex", {}, 1e-13, 5e-9),
    ],
)
def test_round_trips_are_as_exact_as_measured(
    name: str, options: dict[str, Any], of_image: float, of_latent: float, num_steps: int
) -> None:
    image, latent, _ = round_trips(sampler_of(name, num_steps, options))
    assert image < of_image
    assert latent < of_latent


@pytest.mark.parametrize(("scaling", "least", "most"), [("none", 1e-10, 1e-6), ("vp", 1e-6, 1e-2)])
def test_at_gamma_a_half_the_image_hides_how_rounding_grows(scaling: str, least: float, most: float) -> None:
    """With 40 steps the image is exact, but the latent is not: it is useless, and so is its round trip."""
    image, latent, deviation = round_trips(sampler_of("bdia", 40, {"gamma": 0.5, "scaling": scaling}))
    assert image < 1e-9
    assert least < latent < most
    assert deviation > 10


def test_what_has_no_exact_inverse_is_refused() -> None:
    denoiser = BatchDenoiser(GaussianMixture())
    for options in ({"gamma": 0.0}, {"gamma": 0.5, "backward": "trapezoid"}):
        with pytest.raises(UserError, match=r"^sampler\.(gamma=0|backward=trapezoid): no exact inverse; take "):
            sampler_of("bdia", 6, options).invert(denoiser, images())


def test_the_second_state_is_needed() -> None:
    """Without the pair's partner the image does not come back: dropping it costs far more than rounding."""
    for name, options in (("bdia", {"gamma": 0.5}), ("obelm", {}), ("edict", {})):
        sampler, denoiser = sampler_of(name, 10, options), BatchDenoiser(GaussianMixture())
        *_, (_, pair) = sampler.invert(denoiser, images())
        *_, (_, kept) = sampler.forward(denoiser, *pair)
        *_, (_, dropped) = sampler.forward(denoiser, pair[0])
        assert (dropped[0] - images()).abs().max() > 1e6 * (kept[0] - images()).abs().max()


@pytest.mark.parametrize("name", ["euler", "heun"])
def test_iterations_bring_an_inexact_inverse_to_the_exact_one(name: str) -> None:
    """Where the fixed point contracts, each iteration of it comes nearer to the image that decodes to itself."""
    sampler, denoiser = sampler_of(name, 40, {}), BatchDenoiser(GaussianMixture())
    errors = []
    for iterations in (0, 1, 3, 30):
        *_, (_, up) = sampler.invert(denoiser, images(), iterations=iterations)
        *_, (_, down) = sampler.forward(denoiser, *up)
        assert up.shape == (1, *images().shape)
        errors.append(float((down[0] - images()).square().mean().sqrt()))
    assert errors[0] > 1e-4
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-12


def test_an_exact_inverse_has_no_iterations() -> None:
    with pytest.raises(UserError, match="iterations=2: must be 0 with sampler=obelm, whose inverse is exact"):
        sampler_of("obelm", 6, {}).invert(BatchDenoiser(GaussianMixture()), images(), iterations=2)


@pytest.mark.parametrize("num_steps", [2, 3, 18, 256])
@pytest.mark.parametrize(("integrator", "backward"), [("euler", "euler"), ("heun", "euler"), ("heun", "heun")])
def test_on_the_grid_every_state_comes_back_bit_for_bit(integrator: str, backward: str, num_steps: int) -> None:
    options = {"gamma": 1.0, "arithmetic": "grid", "integrator": integrator, "backward": backward}
    sampler, denoiser = sampler_of("bdia", num_steps, options), BatchDenoiser(GaussianMixture())
    for there, back, start in (
        (sampler.invert, sampler.forward, images()),
        (sampler.forward, sampler.invert, latents()),
    ):
        away = list(there(denoiser, start))
        home = list(back(denoiser, *away[-1][1]))
        for (_, states), (_, states_home) in zip(away[1:], home[-2::-1], strict=True):
            assert torch.equal(states[0], states_home[0])
        torch.testing.assert_close(home[-1][1][0], start, rtol=0, atol=2**-41)


def test_the_grid_moves_images_by_no_more_than_its_spacing_grows() -> None:
    for name, num_steps in (("euler", 10), ("heun", 18)):
        images = [
            make_sampler(
                "bdia", {"num_steps": num_steps, "gamma": 1.0, "integrator": name, "arithmetic": arithmetic}
            ).sample(BatchDenoiser(GaussianMixture()), latents() / 80, latents)
            for arithmetic in ("float", "grid")
        ]
        assert 0 < (images[0] - images[1]).abs().max() < 1e-9


@pytest.mark.parametrize("options", [{"gamma": 0.9}, {"gamma": 1.0, "scaling": "vp"}])
def test_the_grid_is_for_adding_alone(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="beside arithmetic=grid: others multiply the states"):
        sampler_of("bdia", 6, {"arithmetic": "grid", **options})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(("bdia", {"gamma": 1.0, **more}) for more in ({}, {"scaling": "vp"}, {"arithmetic": "grid"})),
        ("edict", {"p": 1.0}),
        ("rex", {"zeta": 1.0}),
        ("obelm", {}),
        ("euler", {}),
        ("heun", {}),
    ],
)
def test_what_does_not_grow_is_not_warned_of(name: str, options: dict[str, Any]) -> None:
    sampler = sampler_of(name, 1000, options)
    assert sampler.growth == 1
    assert growth_warning(sampler, 1_000_000) == ""


@pytest.mark.parametrize(("gamma", "safe"), [(0.999, 30488), (0.9, 290), (0.7, 86), (0.5, 45), (0.1, 14), (1e-10, 2)])
def test_the_warning_names_the_largest_number_of_steps_below_half_a_grey_level(gamma: float, safe: int) -> None:
    assert 2**-52 * gamma ** -(safe - 1) < 1 / 255 < 2**-52 * gamma**-safe
    for scaling in ("none", "vp"):
        assert growth_warning(sampler_of("bdia", safe, {"gamma": gamma, "scaling": scaling}), safe) == ""
        line = growth_warning(sampler_of("bdia", safe + 1, {"gamma": gamma, "scaling": scaling}), safe + 1)
        assert line.startswith(f"warning: sampler.num_steps={safe + 1}: ")
        assert line.endswith(f"; take sampler.num_steps={safe} at most, or sampler.gamma nearer to 1")


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("edict", {}, "p nearer"),
        ("rex", {"zeta": 0.5}, "zeta nearer"),
        ("bdia", {"gamma": 1e-320}, "take sampler.gamma"),
    ],
)
def test_what_is_to_be_changed_is_each_methods_own(name: str, options: dict[str, Any], what: str) -> None:
    line = growth_warning(sampler_of(name, 500, options), 1_000_000)
    assert what in line
    assert "\n" not in line


def test_no_inverse_has_no_growth() -> None:
    with pytest.raises(UserError, match=r"sampler\.gamma=0: no exact inverse"):
        growth_warning(sampler_of("bdia", 6, {"gamma": 0.0}), 6)


@pytest.mark.parametrize("gamma", [0.5, 0.6, 0.7, 0.8])
def test_what_is_warned_of_happens(gamma: float) -> None:
    """With scaling vp: below half a grey level at the safe number of steps, and beyond where the bound is 20 of them.

    The bound is tight to a factor of 10; scaling none has it loose.
    """
    safe = 1 + math.floor(math.log(2**52 / 255, 1 / gamma))
    more = safe + math.ceil(math.log(20, 1 / gamma))
    latent = {}
    for scaling, num_steps in (("vp", safe), ("vp", more), ("none", safe)):
        sampler = sampler_of("bdia", num_steps, {"gamma": gamma, "scaling": scaling, "integrator": "euler"})
        assert bool(growth_warning(sampler, num_steps)) == (num_steps > safe)
        latent[scaling, num_steps] = round_trips(sampler)[1]
    assert latent["vp", safe] < 1 / 255
    assert latent["vp", more] > 1 / 255
    assert latent["vp", safe] > 0.1 * 2**-52 * gamma ** -(safe - 1)
    assert latent["none", safe] < 1e-3 * latent["vp", safe]


@pytest.mark.parametrize(
    ("name", "few", "more", "options"),
    [("edict", 60, 80, {"p": 0.8}), ("rex", 200, 280, {"zeta": 0.9, "prediction": "noise"})],
)
def test_the_rate_of_coupled_methods_is_the_one_they_say(
    name: str, few: int, more: int, options: dict[str, Any]
) -> None:
    latent = [round_trips(sampler_of(name, num_steps, options))[1] for num_steps in (few, more)]
    rate = (latent[1] / latent[0]) ** (1 / (more - few))
    assert rate == pytest.approx(sampler_of(name, few, options).growth, rel=0.1)
    assert latent[1] < 2**-52 * sampler_of(name, few, options).growth ** (more - 1)
