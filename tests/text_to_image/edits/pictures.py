"""Pictures for the tiny pipeline, and runs that edit them with few steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.yaml_files import load_yaml
from bdia_edm.text_to_image.edits.config import read_edit_pictures
from bdia_edm.text_to_image.edits.kind import TASK
from bdia_edm.text_to_image.edits.run import EditPicturesRun, prepare_edit_pictures
from tests.text_to_image.pipelines import PIPELINE

SIZE = 16
"""Of the tiny pipeline's pictures, in pixels."""


def write_picture(path: Path, seed: int, width: int = SIZE, height: int = SIZE, mode: str = "RGB") -> Path:
    """A picture of random squares."""
    squares = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(squares).resize((width, height), Image.Resampling.NEAREST).convert(mode).save(path)
    return path


def write_pictures(folder: Path, num: int) -> Path:
    """A folder of some."""
    for number in range(num):
        write_picture(folder / f"{number}.png", number)
    return folder


def write_benchmark(folder: Path) -> Path:
    """Two entries in PIE-Bench's layout: the left half, and nothing, was to change."""
    half = [number for row in range(512) for number in (512 * row, 256)]
    entries = {
        "0": {"image_path": "a/0.png", "original_prompt": "a cat", "editing_prompt": "a [red] cat", "mask": half},
        "1": {"image_path": "b/1.png", "original_prompt": "a dog", "editing_prompt": "a [blue] dog", "mask": []},
    }
    for seed, entry in enumerate(entries.values()):
        write_picture(folder / "annotation_images" / str(entry["image_path"]), seed)
    (folder / "mapping_file.json").write_text(json.dumps(entries))
    return folder


def values(folder: Path, **options: Any) -> dict[str, Any]:
    """The options of a small run in folder/runs, of the two pictures in folder/pictures, which are made."""
    plain = {name: value for name, value in load_yaml(conf_folder() / f"{TASK}.yaml").items() if name != "defaults"}
    if "image" not in options and not (folder / "pictures").exists():
        write_pictures(folder / "pictures", 2)
    usual = {"pipeline": str(PIPELINE), "image": str(folder / "pictures"), "results_dir": str(folder / "runs")}
    usual |= {"prompt": "a red cat", "edit": "a blue dog"}
    return {**plain, **usual, "num_inference_steps": 4, "strength": 1.0, **options}


def prepared(folder: Path, **options: Any) -> EditPicturesRun:
    return prepare_edit_pictures(read_edit_pictures(values(folder, **options)), "edit ...")
