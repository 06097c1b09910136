"""The runs' pictures as HTML: all of them, and two of the same seeds side by side with a slider and a difference."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bdia_edm.records.wording import shortened
from bdia_edm.report.page.elements import Html, element, joined, listed
from bdia_edm.report.page.pictures import Picture, Pictures, Track, pictures_of, tracks_of
from bdia_edm.report.page.settings import name_of
from bdia_edm.report.rows import Group

__all__ = ["gallery"]

_TIMES = ("1", "2", "4", "8")


def gallery(groups: Sequence[Group]) -> Html:
    """Each group's pictures; nothing where no run has any."""
    parts = []
    for number, (group, pictures) in enumerate(zip(groups, pictures_of(groups), strict=True)):
        notes = listed(pictures.left_out)
        if pictures.of_rows:
            tracks = tracks_of(group, pictures)
            content = joined(_comparer(tracks, number), notes, _all(group, pictures, number))
            parts.append(joined(element("h3", group.subject), content))
        elif len(groups) == 1 or pictures.left_out:
            parts.append(joined(element("h3", group.subject), notes))
    return joined(*parts)


def _comparer(tracks: Sequence[Track], number: int) -> Html:
    """What the script fills: without it the gallery alone is there."""
    told = [
        {
            "along": track.along,
            "stops": [[stop.value, _name(number, stop.left), _name(number, stop.right)] for stop in track.stops],
        }
        for track in tracks
    ]
    options = [
        element(
            "option",
            f"{shortened(track.name, 80)}{': along ' + track.along if len(track.stops) > 1 else ''}",
            value=str(index),
        )
        for index, track in enumerate(tracks)
    ]
    along, which, times = f"along-{number}", f"which-{number}", f"times-{number}"
    return element(
        "div",
        element(
            "div",
            element("p", element("label", "Runs ", for_=which), element("select", *options, id=which, class_="which")),
            element(
                "p",
                element("label", element("span", "steps", class_="name"), " ", for_=along),
                element("input", type="range", min="0", max="0", step="1", value="0", id=along, class_="along"),
                element("output", for_=along),
            ),
            element(
                "p",
                element("label", "Difference ", for_=times),
                element(
                    "select",
                    *(element("option", f"× {each}", value=each, selected=each == "4") for each in _TIMES),
                    id=times,
                    class_="times",
                ),
            ),
            class_="controls",
        ),
        element(
            "div",
            element("figure", element("figcaption"), element("img", alt=""), class_="left"),
            element("figure", element("figcaption"), element("img", alt=""), class_="right"),
            element(
                "figure",
                element("figcaption", "Difference, magnified"),
                element(
                    "div",
                    element("img", alt=""),
                    element("img", alt=""),
                    class_="blend times-4",
                    role="img",
                    aria_label="The difference of the two, magnified",
                ),
                class_="difference",
            ),
            class_="panes",
        ),
        class_="comparer",
        hidden=True,
        data_tracks=json.dumps(told, separators=(",", ":")),
    )


def _name(number: int, index: int) -> str:
    """The id of a picture."""
    return f"picture-{number}-{'originals' if index < 0 else index}"


def _all(group: Group, pictures: Pictures, number: int) -> Html:
    what = group.items
    shown = [] if pictures.originals is None else [(-1, pictures.originals, "before the edit")]
    for index, picture in pictures.of_rows.items():
        row = group.rows[index]
        first = next(iter(row.metrics.items()), None)
        told = "" if first is None else f"; {first[0]} {first[1]:.4g}"
        shown.append((index, picture, f"{name_of(row)}{told}"))
    figures = [
        element("figure", element("figcaption", words), _image(picture, _name(number, index), words, what))
        for index, picture, words in shown
    ]
    summary = f"All {len(figures)} pictures: the first {what} of {shortened(group.seeds[0], 40)}, one place each"
    return element("details", element("summary", summary), element("div", *figures, class_="gallery"))


def _image(picture: Picture, name: str, words: str, what: str) -> Html:
    return element(
        "img",
        src=picture.url,
        id=name,
        width=str(picture.width),
        height=str(picture.height),
        alt=f"The first {picture.num_images} {what}: {words}",
    )
