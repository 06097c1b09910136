"""Folders of PIE-Bench's layout, written here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.pie_bench import EditTask, read_pie_bench


def runs_of(mask: NDArray[np.bool_]) -> list[int]:
    """The run-length code of a mask: start, length, start, length, ..."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], mask.ravel(), [False]]).astype(int)))
    return [int(each) for start, end in ends.reshape(-1, 2) for each in (start, end - start)]


def write_pie_bench(folder: Path, entries: dict[str, Any]) -> None:
    """A folder with a picture for every entry that names one."""
    folder.mkdir(exist_ok=True)
    (folder / "mapping_file.json").write_text(json.dumps(entries))
    for index, entry in enumerate(entries.values()):
        if isinstance(entry, dict) and isinstance(entry.get("image_path"), str):
            path = folder / "annotation_images" / entry["image_path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (index, 0, 0)).save(path)


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "image_path": "1_change_object_80/1.png",
        "original_prompt": "a [red]  cat",
        "editing_prompt": "a [blue] [dog sitting]",
        "editing_instruction": "make it a dog",
        "editing_type_id": "1",
        "blended_word": "cat dog",
        "mask": [0, 512 * 512],
        **changes,
    }


def one(tmp_path: Path, **changes: Any) -> EditTask:
    write_pie_bench(tmp_path, {"000": entry(**changes)})
    (task,) = read_pie_bench(tmp_path)
    return task


def test_tasks_come_in_the_files_order_with_their_words(tmp_path: Path) -> None:
    paths = ("9/b.png", "0/a.png", "c.png")
    write_pie_bench(tmp_path, {str(9 - i): entry(image_path=path) for i, path in enumerate(paths)})
    tasks = read_pie_bench(tmp_path)
    assert [task.name for task in tasks] == ["9", "8", "7"]
    assert [task.path for task in tasks] == [tmp_path / "annotation_images" / path for path in paths]
    assert {(task.prompt, task.edit, task.kind) for task in tasks} == {("a red cat", "a blue dog sitting", "1")}


@pytest.mark.parametrize("seed", range(4))
def test_any_mask_comes_back(tmp_path: Path, seed: int) -> None:
    mask = np.random.default_rng(seed).random((512, 512)) < (0, 0.001, 0.5, 1.1)[seed]
    code = runs_of(mask)
    for given in (code, " ".join(map(str, code))):
        found = one(tmp_path, mask=given).mask
        assert found is not None
        assert found.dtype == bool
        assert (found == mask).all()


def test_rows_come_first(tmp_path: Path) -> None:
    mask = one(tmp_path, mask=[512, 3]).mask
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[1, 0], [1, 1], [1, 2]]


def test_an_entry_without_a_mask(tmp_path: Path) -> None:
    without = entry()
    del without["mask"]
    write_pie_bench(tmp_path, {"a": without, "b": entry(mask=None)})
    assert [task.mask for task in read_pie_bench(tmp_path)] == [None, None]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_path": 3}, "image_path: must be a text"),
        ({"image_path": ""}, "image_path: must be a text"),
        ({"image_path": "../x.png"}, "image_path=../x.png: must be a path inside annotation_images/"),
        ({"image_path": "/etc/passwd"}, "image_path=/etc/passwd: must be a path inside annotation_images/"),
        ({"image_path": "x" * 270}, f"image_path={'x' * 270}: no such picture in"[:300]),
        ({"image_path": "none.jpg"}, "image_path=none.jpg: no such picture in annotation_images/"),
        ({"original_prompt": None}, "original_prompt: must be a text"),
        ({"mask": [1, 2, 3]}, "mask: must be a list of whole numbers, pairs of a start and a length"),
        ({"mask": [1, -2]}, "mask: must be a list of whole numbers, pairs of a start and a length"),
        ({"mask": [True, 2]}, "mask: must be a list of whole numbers, pairs of a start and a length"),
        ({"mask": "0 x"}, "mask: must be numbers"),
        ({"mask": [262100, 45]}, "mask: the run 262100, 45 ends beyond the 262,144 pixels"),
        ({"mask": [10**30, 1]}, f"mask: the run {10**30}, 1 ends beyond the 262,144 pixels"),
    ],
)
def test_errors_name_the_entry(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    write_pie_bench(tmp_path, {"first": entry()})
    (tmp_path / "mapping_file.json").write_text(json.dumps({"first": entry(), "second": entry(**changes)}))
    with pytest.raises(UserError) as caught:
        read_pie_bench(tmp_path)
    assert str(caught.value) == f"{tmp_path}/mapping_file.json: entry second: {words}"


def test_other_folders_and_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mapping_file.json: no such file; must be a folder of PIE-Bench's layout"):
        read_pie_bench(tmp_path)
    for content, words in (
        ("", "not readable"),
        ("[" * 100_000, "not readable: it is nested too deeply"),
        ("[]", "must be an object"),
        ("{}", "must be an object"),
        ('{"a": 1}', "entry a: must be an object"),
        ('{"a": {}}', "entry a: image_path: missing"),
    ):
        (tmp_path / "mapping_file.json").write_text(content)
        with pytest.raises(UserError, match=words):
            read_pie_bench(tmp_path)
    (tmp_path / "mapping_file.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not readable"):
        read_pie_bench(tmp_path)
