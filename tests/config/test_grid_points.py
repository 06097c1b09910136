"""A comparison's grid as options of its runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_values
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.grid_points import check_published, grid_overrides, published_figures, seed_blocks
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import make_sampler


def test_grid_is_every_combination() -> None:
    grid = [{"sampler": "edm"}, {"sampler": "bdia", "gamma": [0.1, 0.2], "num_steps": [3, 4]}]
    assert grid_overrides(grid) == [
        ["sampler=edm"],
        ["sampler=bdia", "sampler.gamma=0.1", "sampler.num_steps=3"],
        ["sampler=bdia", "sampler.gamma=0.1", "sampler.num_steps=4"],
        ["sampler=bdia", "sampler.gamma=0.2", "sampler.num_steps=3"],
        ["sampler=bdia", "sampler.gamma=0.2", "sampler.num_steps=4"],
    ]


@pytest.mark.parametrize("path", sorted((conf_folder() / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_grids_are_well_formed(path: Path) -> None:
    assert len(grid_overrides(OmegaConf.to_container(OmegaConf.load(path))["grid"])) > 1


def test_published_figures_are_those_of_the_points() -> None:
    grid = [
        {"sampler": "edm", "num_steps": [3, 5]},
        {"sampler": ["euler", "heun"], "num_steps": [6, 7], "published": {"cifar10": [1, 2.5, None, 4]}},
    ]
    assert len(grid_overrides(grid)) == 6
    assert published_figures(grid, "cifar10") == [None, None, 1, 2.5, None, 4]
    assert published_figures(grid, "digits") == [None] * 6
    for wrong in ({"cifar10": [1, 2, 3]}, {"cifar10": [1, 2, 3, "4"]}, {"cifar10": 1}, [1, 2, 3, 4]):
        with pytest.raises(UserError, match="published must hold, for a model, 4 figures in a list"):
            published_figures([grid[1] | {"published": wrong}], "cifar10")


def test_published_figures_say_what_they_are() -> None:
    said = {"metric": "fid", "source": "a README", "num_images": 50_000}
    check_published(said)
    for wrong in (None, ["fid"], *({key: said[key] for key in said if key != left_out} for left_out in said)):
        with pytest.raises(UserError, match=r"^published: missing; .* metric, source and num_images$"):
            check_published(wrong)
    for number in (0, "50k", 1.5, True):
        with pytest.raises(UserError, match=r"^published.num_images=.*: must be how many images"):
            check_published(said | {"num_images": number})


@pytest.mark.parametrize("model", ["cifar10_uncond_vp", "ffhq", "imagenet64"])
def test_the_published_solvers_are_at_the_published_evaluations(model: str) -> None:
    """The grid's steps, counted at the denoiser, are the 5, 6, 8 and 10 evaluations of the published tables."""
    path = conf_folder() / "experiment" / "published_solvers.yaml"
    experiment = OmegaConf.to_container(OmegaConf.load(path))
    check_published(experiment["published"])
    assert experiment["published"]["num_images"] == 50_000
    grid = experiment["grid"]
    points, figures = grid_overrides(grid), published_figures(grid, model)
    evaluations: dict[str, list[int]] = {}
    for point, figure in zip(points, figures, strict=True):
        if figure is not None:
            chosen = compose_values(["+model=gaussian_mixture", *point])["sampler"]
            denoiser = BatchDenoiser(GaussianMixture())
            make_sampler(chosen.pop("name"), chosen).sample(denoiser, torch.zeros(1, 1, 4, 4), lambda: torch.zeros(1))
            evaluations.setdefault(point[0], []).append(denoiser.nfe)
    assert len(evaluations) == 8
    two_a_step = ("sampler=heun", "sampler=dpm")
    assert all(counts == ([6, 8, 10] if name in two_a_step else [5, 6, 8, 10]) for name, counts in evaluations.items())


def test_grid_takes_null_lists_and_texts() -> None:
    """Each is the same value for the run that it is in the grid."""
    grid = [{"sampler": "edm", "sigma_max": [None, 40]}, {"sampler": "toy", "levels": [[1, 2], ["a,b"]], "tag": "1_0"}]
    points = grid_overrides(grid)
    assert points[:2] == [["sampler=edm", "sampler.sigma_max=null"], ["sampler=edm", "sampler.sigma_max=40"]]
    assert points[2:] == [
        ["sampler=toy", f"sampler.levels={levels}", "sampler.tag='1_0'"] for levels in ("[1,2]", "['a,b']")
    ]


def test_a_cards_settings_for_one_sampler_are_asked_for() -> None:
    grid = [{"sampler": ["edm", "euler"]}, {"sampler": "edm", "settings": [None, "card"], "num_steps": 8}]
    assert grid_overrides(grid, {"edm"}) == [
        ["~model.settings.edm", "sampler=edm"],
        ["sampler=euler"],
        ["~model.settings.edm", "sampler=edm", "sampler.num_steps=8"],
        ["sampler=edm", "sampler.num_steps=8"],
    ]
    with pytest.raises(UserError, match=r"^grid: settings=card: the model's card has no settings for euler alone"):
        grid_overrides([{"sampler": "euler", "settings": "card"}], {"edm"})
    with pytest.raises(UserError, match=r"^grid: settings=mine: must be card or null"):
        grid_overrides([{"sampler": "edm", "settings": "mine"}])


def test_what_are_no_seed_blocks() -> None:
    assert seed_blocks(None) == [[]]
    assert seed_blocks(["0-9", "20-29"]) == [["seeds=0-9"], ["seeds=20-29"]]
    for given, words in (
        ([], "must be a list of seeds"),
        ("0-9", "must be a list of seeds"),
        (["9-0"], "is reversed"),
        (["0-9", "9-18"], "overlap"),
        (["0-9", 20], "of as many seeds each"),
    ):
        with pytest.raises(UserError, match=words):
            seed_blocks(given)
    with pytest.raises(UserError, match="null with task=invert"):
        seed_blocks(["0-9"], "invert")
