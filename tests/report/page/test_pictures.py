"""Runs' first images within a page, and the ways along an option."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bdia_edm.records.run_folder import RunFolder
from bdia_edm.report.page import pictures
from bdia_edm.report.page.pictures import Picture, Pictures, pictures_of, tracks_of
from bdia_edm.report.rows import Chosen, Group
from tests.report.page.studies import Point, edm, gamma, groups_of, study


def pixels(picture: Picture) -> np.ndarray:
    head, data = picture.url.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def one_run(tmp_path: Path, images: np.ndarray, **arrays: np.ndarray) -> Pictures:
    folder = study(tmp_path, edm(11, 1.0))
    np.savez(RunFolder(folder / "run-00-0").preview, arr_0=images, **arrays)
    (found,) = pictures_of(groups_of(folder))
    return found


def test_a_grid_of_the_first_images(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 255, (20, 32, 32, 3)).astype(np.uint8)
    found = one_run(tmp_path, images, originals=images[::-1])
    picture = found.of_rows[0]
    assert (picture.num_images, picture.width, picture.height) == (16, 4 * 34 - 2, 4 * 34 - 2)
    shown = pixels(picture)
    assert (shown[:32, :32] == images[0]).all()
    assert (shown[-32:, -32:] == images[15]).all()
    assert found.originals is not None
    assert (pixels(found.originals)[:32, :32] == images[-1]).all()
    assert found.left_out == []


def test_large_images_are_fewer_and_of_odd_channels_the_first_is_shown(tmp_path: Path) -> None:
    images = np.full((20, 128, 128, 4), 7, np.uint8)
    picture = one_run(tmp_path, images).of_rows[0]
    assert picture.num_images == 4
    assert pixels(picture).ndim == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no preview.npz beside the record"),
        (b"garbage", "preview.npz beside the record is not readable"),
        (np.zeros((2, 3)), "holds no images"),
        (np.zeros((2, 3, 3, 1)), "holds no images"),
        (np.zeros((0, 3, 3, 1), np.uint8), "holds no images"),
        (np.zeros((2, 0, 3, 1), np.uint8), "holds no images"),
    ],
)
def test_what_is_no_preview_is_told(content: bytes | np.ndarray | None, reason: str, tmp_path: Path) -> None:
    folder = study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5), pictures=True)
    preview = RunFolder(folder / "run-01-0").preview
    if content is None:
        preview.unlink()
    elif isinstance(content, bytes):
        preview.write_bytes(content)
    else:
        np.savez(preview, arr_0=content)
    (found,) = pictures_of(groups_of(folder))
    assert [*found.of_rows] == [0]
    (line,) = found.left_out
    assert line.startswith("1 run has no picture here: ")
    assert reason in line
    assert str(tmp_path) not in line


def test_a_preview_that_would_fill_the_memory_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = study(tmp_path, edm(11, 1.0))
    with zipfile.ZipFile(RunFolder(folder / "run-00-0").preview, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("arr_0.npy", b"\0" * 5000)
    monkeypatch.setattr(pictures, "_LARGEST_PREVIEW", 4999)
    (found,) = pictures_of(groups_of(folder))
    assert found.left_out == ["1 run has no picture here: preview.npz beside the record is too large."]


def test_there_is_room_for_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_BYTES", 1)
    (found,) = pictures_of(groups_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5), pictures=True)))
    assert [*found.of_rows] == [0]
    assert found.left_out == ["Of 1 more rows there are no pictures: the page has no room for them."]


def tracks(group: Group) -> list[tuple[str, str, list[str], list[int]]]:
    (found,) = pictures_of([group])
    return [
        (track.name, track.along, [stop.value for stop in track.stops], [stop.left for stop in track.stops])
        for track in tracks_of(group, found)
    ]


def test_ways_along_gamma_and_steps(tmp_path: Path) -> None:
    points = [edm(11, 1.0), edm(17, 0.5, steps=9), gamma(0.2, 11, 0.5), gamma(0.1, 11, 0.4), gamma(0.3, 11, 0.4)]
    points += [gamma(0.1, 17, 0.3, steps=9), Point("ipndm", 12, [0.4], steps=12)]
    (group,) = groups_of(study(tmp_path, *points, pictures=True))
    assert tracks(group) == [
        ("bdia, 6 steps", "gamma", ["0.1", "0.2", "0.3"], [0, 0, 0]),
        ("bdia, gamma 0.1", "steps", ["6", "9"], [0, 1]),
        # Nothing is beside it: the baseline of the nearest NFE stands at the left.
        ("ipndm", "steps", ["12"], [0]),
    ]


def test_without_a_baseline_the_first_row_stands_at_the_left(tmp_path: Path) -> None:
    (group,) = groups_of(study(tmp_path, gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.4), pictures=True))
    assert tracks(group) == [("bdia, 6 steps", "gamma", ["0.1", "0.2"], [1, 0])]


def test_baselines_alone_have_a_way_of_their_own(tmp_path: Path) -> None:
    (group,) = groups_of(study(tmp_path, edm(11, 1.0), edm(17, 0.4, steps=9), pictures=True))
    assert tracks(group) == [("edm", "steps", ["6", "9"], [1, 0])]


def test_what_other_seeds_chose_is_one_way_along_the_steps_and_its_family_leads(tmp_path: Path) -> None:
    points = [edm(11, 1.0), edm(17, 0.5, steps=9), edm(23, 0.5, steps=12)]
    points += [Point("ipndm", nfe, [0.4], steps=nfe + 1) for nfe in (11, 17)]
    points += [gamma(0.1, 11, 0.4), gamma(0.2, 17, 0.3, steps=9), gamma(0.3, 23, 0.3, steps=12)]
    (group,) = groups_of(study(tmp_path, *points, pictures=True))
    rows = [
        replace(row, chosen=Chosen("gamma", row.columns["gamma"], 3, "9000-9999", "fd_digits"))
        if "gamma" in row.columns
        else row
        for row in group.rows
    ]
    assert [way[:3] for way in tracks(replace(group, rows=tuple(rows)))] == [
        ("bdia, gamma chosen", "steps", ["6", "9", "12"]),
        ("ipndm", "steps", ["12", "18"]),
    ]


def test_what_was_edited_stands_at_the_left(tmp_path: Path) -> None:
    folder = study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5))
    images = np.zeros((2, 8, 8, 1), np.uint8)
    for run in folder.iterdir():
        np.savez(RunFolder(run).preview, arr_0=images, originals=images + 9)
    (group,) = groups_of(folder)
    assert [left for *_, lefts in tracks(group) for left in lefts] == [-1]
