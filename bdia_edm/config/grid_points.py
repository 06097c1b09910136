"""What a comparison's grid, its published figures and its blocks of seeds say: every point as options of one run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.option_names import options_named
from bdia_edm.base.options import require
from bdia_edm.config.overrides import override
from bdia_edm.engine.plan import format_seeds, parse_seeds

__all__ = ["check_published", "grid_overrides", "published_figures", "seed_blocks"]

_CARD = "card"
_PUBLISHED = "published"


def grid_overrides(grid: object, settings: Collection[str] = (), beside: Collection[str] = ()) -> list[list[str]]:
    """The options of every point of the grid, in its order.

    An entry's ``settings`` is no option: ``card`` takes the settings that the model's card has for this sampler alone,
    as ``sample`` does. Without it they are left out, so that the same entry is the same sampler for every model. Nor is
    ``published`` (see ``published_figures``).

    Args:
        settings: what the model's card has settings for; a sampler's are under its name.
        beside: names in an entry that are options of the run, not of the sampler.

    Raises:
        UserError: it is no list of entries that name a sampler.
    """
    if not isinstance(grid, list) or not grid:
        raise UserError(f"grid={_shown(grid)}: must be a list of entries such as {{sampler: bdia, gamma: [0.1, 0.3]}}")
    points: list[list[str]] = []
    for entry in grid:
        if not isinstance(entry, Mapping) or "sampler" not in entry:
            raise UserError(
                f"grid: the entry {_shown(entry)} must name its sampler, as in {{sampler: bdia, gamma: 0.1}}"
            )
        entry = {name: value for name, value in entry.items() if name != _PUBLISHED}
        values = _choices(entry)
        if any(isinstance(value, Mapping) for choice in values for value in choice) or not all(values):
            raise UserError(f"grid: the entry {_shown(entry)} must hold values or lists of values")
        for choice in itertools.product(*values):
            points.append(_point(dict(zip(entry, choice, strict=True)), settings, beside))
    return points


def published_figures(grid: object, model: str) -> list[float | None]:
    """What was published for each point of a grid that ``grid_overrides`` takes; None where nothing was for this model.

    An entry's ``published`` has a list of figures for some models, as many as the entry has points, in their order.

    Raises:
        UserError: it is of another form.
    """
    assert isinstance(grid, list)
    found: list[float | None] = []
    for entry in grid:
        options = {name: value for name, value in entry.items() if name != _PUBLISHED}
        number = math.prod(map(len, _choices(options)))
        of_models = entry.get(_PUBLISHED) or {}
        figures = of_models.get(model, [None] * number) if isinstance(of_models, Mapping) else []
        fit = isinstance(figures, list) and all(each is None or type(each) in (int, float) for each in figures)
        if not fit or len(figures) != number:
            raise UserError(
                f"grid: the entry {_shown(options)}: published must hold, for a model, {number} figures in a list"
            )
        found += figures
    return found


def check_published(published: object) -> None:
    """Raises UserError where an experiment's ``published`` does not say what the figures in its grid are."""
    if not isinstance(published, Mapping) or not {"metric", "source", "num_images"} <= set(published):
        raise UserError(
            "published: missing; the grid has published figures, and it names their metric, source and num_images"
        )
    number = published["num_images"]
    if type(number) is not int or number < 1:
        raise UserError(f"published.num_images={_shown(number)}: must be how many images each of the figures is of")


def seed_blocks(given: object, task: str = "sample") -> list[list[str]]:
    """The overrides of each block of seeds that a comparison's ``blocks`` lists; of none those of one block.

    Raises:
        UserError: they are no list of seeds, overlap or are not of one size, or the task has none.
    """
    if given is None:
        return [[]]
    require(task == "sample", "blocks", given, f"null with task={task}, whose images have no seeds")
    if not isinstance(given, list) or not given:
        raise UserError(f"blocks={_shown(given)}: must be a list of seeds such as [0-2999,10000-12999]")
    with options_named(lambda name: "blocks" if name == "seeds" else name):
        blocks = [parse_seeds(seeds) for seeds in given]
        parse_seeds([format_seeds(seeds) for seeds in blocks])  # refuses those that overlap
    require(len({len(seeds) for seeds in blocks}) == 1, "blocks", _shown(given), "blocks of as many seeds each")
    return [[override("seeds", format_seeds(seeds))] for seeds in blocks]


def _shown(value: object) -> str:
    return "null" if value is None else printable(str(value))


def _choices(entry: Mapping[str, Any]) -> list[list[Any]]:
    return [value if isinstance(value, list) else [value] for value in entry.values()]


def _point(options: dict[str, Any], settings: Collection[str], beside: Collection[str]) -> list[str]:
    sampler, wanted = str(options.pop("sampler")), options.pop("settings", None)
    if wanted not in (None, _CARD):
        raise UserError(f"grid: settings={_shown(wanted)}: must be {_CARD} or null")
    if wanted == _CARD and sampler not in settings:
        raise UserError(f"grid: settings={_CARD}: the model's card has no settings for {sampler} alone; leave it out")
    left_out = [f"~model.settings.{sampler}"] if sampler in settings and wanted is None else []
    chosen = [override(name if name in beside else f"sampler.{name}", value) for name, value in options.items()]
    return [*left_out, override("sampler", sampler), *chosen]
