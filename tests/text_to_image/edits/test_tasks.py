"""Pictures with their prompts and masks, from files, folders and a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.edits.config import read_edit_pictures
from bdia_edm.text_to_image.edits.tasks import Task, Tasks, find_tasks
from tests.text_to_image.edits.pictures import values, write_benchmark, write_picture, write_pictures


def found(folder: Path, **options: Any) -> list[Task]:
    return find_tasks(read_edit_pictures(values(folder, **options)))


def test_files_and_folders_in_order(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "some", 3)
    (folder / "notes.txt").write_text("no picture")
    tasks = found(tmp_path, image=[str(folder / "2.png"), str(folder)], edit=None)
    assert [task.file.name for task in tasks] == ["2.png", "0.png", "1.png", "2.png"]
    assert {(task.prompt, task.edit, task.mask) for task in tasks} == {("a red cat", None, None)}


def test_a_benchmark_has_its_own_prompts_and_masks(tmp_path: Path) -> None:
    tasks = found(tmp_path, image=str(write_benchmark(tmp_path / "bench")), prompt=None, edit=None)
    assert [(task.prompt, task.edit) for task in tasks] == [("a cat", "a red cat"), ("a dog", "a blue dog")]
    pixels, mask = Tasks(tasks, None).read(0)
    assert mask is not None
    assert pixels.shape == (16, 16, 3)
    assert (mask == (np.arange(16) < 8)).all()
    with pytest.raises(UserError, match=r"edit: .* is a benchmark that has its own"):
        found(tmp_path, image=str(tmp_path / "bench"), prompt=None, edit="a dog")


def test_the_centre_is_cropped_and_the_mask_with_it(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    mask = np.zeros((20, 40), bool)
    mask[:, :20] = True
    tasks = Tasks([Task(tmp_path / "wide.png", "", None, mask)], (16, 16))
    made, part = tasks.read(0)
    assert made.shape == (16, 16, 3)
    assert (made == 200).all()
    assert part is not None
    assert (part == (np.arange(16) < 8)).all()


def test_the_checksum_is_of_pixels_prompts_and_masks(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", 0)
    mask = np.zeros((16, 16), bool)
    other = mask.copy()
    other[0, 0] = True
    variants = [Task(path, "a", None), Task(path, "b", None), Task(path, "a", "b"), Task(path, "a", None, mask)]
    variants.append(Task(path, "a", None, other))
    assert len({Tasks([task], None).check(8).checksum for task in variants}) == len(variants)
    # The file's name is nothing; its pixels are.
    first = Tasks(variants[:1], None).check(8)
    copy = path.rename(tmp_path / "b.png")
    assert Tasks([Task(copy, "a", None)], None).check(8) == first
    write_picture(copy, 1)
    assert Tasks([Task(copy, "a", None)], None).check(8) != first


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"width": 24}, "24 x 16 pixels, the first ("),
        ({"mode": "L"}, "a grey picture; must be RGB, as resize=true makes it"),
    ],
)
def test_what_does_not_fit_is_refused_or_made_to_fit(shape: dict[str, Any], words: str, tmp_path: Path) -> None:
    tasks = [Task(write_picture(tmp_path / "a.png", 0), "", None)]
    tasks.append(Task(write_picture(tmp_path / "b.png", 1, **shape), "", None))
    with pytest.raises(UserError) as caught:
        Tasks(tasks, None).check(8)
    assert f"b.png: {words}" in str(caught.value)
    assert Tasks(tasks, (16, 16)).check(8).size == (16, 16)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": "no.png"}, "image=no.png: no such file or folder"),
        ({"image": "empty"}, "image=empty: no pictures in this folder"),
        ({"image": "text.png"}, "image=text.png: not a readable image"),
        ({"image": "odd.png"}, "18 x 16 pixels; width and height must be multiples of 8, as resize=true makes them"),
        ({"image": "a.png", "prompt": None}, "prompt: missing; must say what the pictures show"),
        ({"image": "a.png", "mask": "no.png"}, "mask=no.png: cannot be read: No such file"),
        ({"image": "a.png", "mask": "wide.png"}, "mask: 32 x 16 pixels, 16 x 16 of a.png; must be of the same shape"),
    ],
)
def test_mistakes_are_one_line(
    options: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("words")
    write_picture(tmp_path / "a.png", 0)
    write_picture(tmp_path / "wide.png", 0, width=32)
    write_picture(tmp_path / "odd.png", 0, width=18)
    with pytest.raises(UserError) as caught:
        Tasks(found(tmp_path, **options), None).check(8)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
