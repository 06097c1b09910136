"""What reads what users give: each reader as a command uses it, with small good inputs and its way to be damaged."""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from bdia_edm import compare, sample, status, table
from bdia_edm.checkpoints.description import describe_file
from bdia_edm.checkpoints.torch_weights import read_state_dict
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.plan import Block, parse_seeds
from bdia_edm.engine.shards import Shard
from bdia_edm.images.image_source import open_images
from bdia_edm.metrics.reference import read_reference, with_features
from scripts.fuzzing.child import Case, Reader
from scripts.fuzzing.commands import run_click, run_hydra
from scripts.fuzzing.mutations import (
    damage_bytes,
    damage_json,
    damage_npy,
    damage_pickle,
    damage_png,
    damage_safetensors,
    damage_text,
    damage_zip,
)
from tests.pickle_writer import INIT_KWARGS, genuine, network

__all__ = ["READERS"]

_ROOT = Path(__file__).parents[2]
_RECORDS = sorted((_ROOT / "results/demo/records").glob("*/record.json"))[:2]
_VALUES = ("null", "true", "-1", "0", "1e308", ".nan", "1_0", "0x10", "2024-01-01", "1000000000", "[]", "{}", "'", '"')
_YAML = (
    *_VALUES,
    "!!python/object/apply:os.system [id]",
    "!x",
    "&a",
    "*a",
    "<<: *a",
    "? ",
    "---",
    "%YAML 9",
    "|",
    "\t",
)
_OPTIONS = (*_VALUES, "${model.name}", "${oc.env:HOME}", "${", "$x", "~", "++", "--cfg", "-x", "a=b=c", "#", "&", "\\")
_SEEDS = ("0-4294967295", "4294967296", "5-1", "1,1", "²", "٣", "-", ",", " ")
_IDENTITY = "0123456789ab"
_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def _bytes(how: Callable[[bytes, Random], bytes], case: Case, random: Random) -> Case:
    return Case(case.name, how(case.data, random))


def _json(case: Case, random: Random) -> Case:
    return Case(case.name, damage_json(json.loads(case.data), random))


def _text(words: Sequence[str], case: Case, random: Random) -> Case:
    return Case(case.name, damage_text(case.data.decode(), words, random))


def _zip(entry: Callable[[bytes, Random], bytes], case: Case, random: Random) -> Case:
    return Case(case.name, damage_zip(case.data, entry, random))


def _moved(path: Path, *parts: str) -> Path:
    """The file, in a folder below its own."""
    dest = path.parent.joinpath(*parts)
    dest.parent.mkdir(parents=True, exist_ok=True)
    return path.rename(dest)


# Networks


def _pickles() -> list[Case]:
    return [Case("network.pkl", genuine(protocol)) for protocol in (2, 3, 4)]


def _safetensors() -> list[Case]:
    metadata = {"format": "bdia_edm denoiser", "class_name": "EDMPrecond", "init_kwargs": json.dumps(INIT_KWARGS)}
    data = safetensors.torch.save(network().state_dict(), {**metadata, "note": "a note"})
    return [Case("network.safetensors", _with_sorted_header(data))]


def _with_sorted_header(data: bytes) -> bytes:
    """A safetensors file as it is; its header is written in an order that is another in every process."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True).encode()
    return len(header).to_bytes(8, "little") + header + data[end:]


def _weights() -> list[Case]:
    made = []
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save({"a.weight": torch.ones(4, 4)}, file, _use_new_zipfile_serialization=zipped)
        data = file.getvalue()
        if not zipped:  # a storage is called by its address, which is another every time
            data = re.sub(rb"\d{9,}", lambda found: b"1" * len(found[0]), data)
        made.append(Case("weights.pt", data))
    return made


def _damage_weights(case: Case, random: Random) -> Case:
    if not case.data.startswith(b"PK"):
        return _bytes(damage_pickle, case, random)
    return _zip(lambda data, r: (damage_pickle if data[:1] == b"\x80" else damage_bytes)(data, r), case, random)


# References and images


def _npz(name: str, **arrays: Any) -> list[Case]:
    made = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **arrays)
        made.append(Case(name, file.getvalue()))
    return made


def _references() -> list[Case]:
    named = {"detector": np.array("pixels"), "num": np.array(5)}
    return _npz("reference.npz", mu=np.ones(4), sigma=np.eye(4), features=np.ones((5, 4), np.float32), **named)


def _read_reference(path: Path) -> None:
    with_features(read_reference(path, "pixels", 4), path, None, "pixels")


def _image(kind: str) -> bytes:
    file = io.BytesIO()
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _image_zips() -> list[Case]:
    made = []
    for packing in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name in ("a/0.png", "a/1.png", "b/2.png"):
                archive.writestr(zipfile.ZipInfo(name), _image("png"), packing)
            listed = {"labels": [["a/0.png", 3], ["a/1.png", 0], ["b/2.png", 9]]}
            archive.writestr(zipfile.ZipInfo("dataset.json"), json.dumps(listed), packing)
        made.append(Case("images.zip", file.getvalue()))
    return made


def _image_arrays() -> list[Case]:
    return _npz("images.npz", arr_0=np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3), labels=np.arange(2))


def _image_files() -> list[Case]:
    return [Case(f"b.{kind}", _image(kind)) for kind in ("png", "jpeg", "webp", "bmp", "ppm")]


def _damage_image(case: Case, random: Random) -> Case:
    return _bytes(damage_png if case.name.endswith("png") else damage_bytes, case, random)


def _read_images(path: Path) -> None:
    source = open_images(path, say=lambda line: None)  # what is skipped is said in a line of its own
    try:
        chosen = range(min(len(source), 20))
        source.check(chosen)
        for index in chosen:
            source.read([index])
        source.read_labels()
    finally:
        source.close()


def _read_image_folder(path: Path) -> None:
    _moved(path, "images", path.name).with_name("a.png").write_bytes(_image("png"))
    _read_images(path.parent / "images")


# Text to image; the extra is imported where it is asked for, as nothing else needs it


def _inverted_pictures() -> list[Case]:
    from bdia_edm.text_to_image.inverted import Inverted, Settings
    from bdia_edm.text_to_image.method import Kept, make_method
    from bdia_edm.text_to_image.prediction import Level

    facts: dict[str, Any] = {"prompt": "a cat", "negative_prompt": "", "guidance_scale": 3.0, "low_memory": False}
    facts |= {"prediction_type": "epsilon", "network_dtype": "float16", "evaluations": 4, "gradients": 0}
    picture = np.zeros((4, 4, 3), np.uint8)
    made = []
    for name, options, states in (("bdia", {"gamma": 0.96, "seed": "copy"}, 2), ("null_text", {"inner_steps": 3}, 1)):
        found = Inverted(
            method=make_method(name, options),
            settings=Settings(**facts),
            levels=[Level(901.0, 0.6, 0.8), Level(1.0, 0.8, 0.6), Level(0.0, 1.0, 0.0)],
            kept=Kept(torch.ones(states, 1, 2, 2, 2), torch.zeros(2, 3, 4) if name == "null_text" else None),
            latent=torch.ones(1, 2, 2, 2),
            picture=picture,
            vae_picture=picture,
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "inverted.safetensors"
            found.save(path)
            made.append(Case(path.name, _with_sorted_header(path.read_bytes())))
    return made


def _read_inverted(path: Path) -> None:
    from bdia_edm.text_to_image.inverted import Inverted

    found = Inverted.load(path)
    # What is said of it, and what an edit takes of it.
    assert np.isfinite(found.deviation)
    assert found.kept.states.shape[1:] == found.latent.shape
    assert found.picture.shape[2] == 3
    assert found.vae_rms >= 0


def _edit_tasks() -> list[Case]:
    entry = {
        "image_path": "0/a.png",
        "original_prompt": "a [cat]",
        "editing_prompt": "a [red] cat",
        "mask": [3, 5, 9, 1],
    }
    entries = {
        "000": {**entry, "editing_type_id": "0", "blended_word": "cat cat"},
        "001": {**entry, "mask": "0 262144"},
    }
    return [Case("mapping_file.json", json.dumps(entries).encode())]


def _read_edit_tasks(path: Path) -> None:
    from bdia_edm.text_to_image.pie_bench import read_pie_bench

    (path.parent / "annotation_images" / "0").mkdir(parents=True)
    (path.parent / "annotation_images" / "0" / "a.png").touch()
    read_pie_bench(path.parent)


# What runs leave


def _records() -> list[Case]:
    return [Case("record.json", path.read_bytes()) for path in _RECORDS]


def _read_record(path: Path) -> None:
    _moved(path, "runs", "damaged", path.name)
    _add_good(path.parent / "runs")
    run_click(status.main, str(path.parent / "runs"))
    run_click(table.main, str(path.parent / "runs"))


def _add_good(runs: Path) -> None:
    good = runs / "good" / "record.json"
    good.parent.mkdir()
    good.write_bytes(_RECORDS[0].read_bytes())


def _selections() -> list[Case]:
    choices = [
        {"value": 0.3, "among": [0.1, 0.3], "choosing": [name], "reporting": [other]}
        for name, other in (("good", "other"), ("other", "good"))
    ]
    selection = {"option": "gamma", "metric": "fd_digits", "seeds": "0-2999", "choices": choices}
    return [Case("selection-0.json", json.dumps(selection).encode())]


def _read_selection(path: Path) -> None:
    _add_good(_moved(path, "runs", path.name).parent)
    run_click(table.main, str(path.parent / "runs"))


def _notes() -> list[Case]:
    plan = {"total": 1000, "block_size": 500, "found": 0, "workers": 1, "command": "python -m bdia_edm.sample"}
    return [Case("plan.json", json.dumps(plan).encode()), Case("error.txt", b'"the disk is full"')]


def _read_notes(path: Path) -> None:
    shards = _moved(path, "runs", "run", path.name).parent / "shards"
    shards.mkdir()
    (shards / "00000.npz").touch()
    (shards.parent / "plan.json").touch()
    run_click(status.main, str(path.parent / "runs"))


def _block(folder: Path) -> tuple[BlockFolder, Block]:
    return BlockFolder(folder, _IDENTITY, Shard), Block(0, 0, (0, 1))


def _shards() -> list[Case]:
    shard = Shard(
        features=np.ones((2, 4), np.float32),
        logits=np.ones((2, 0), np.float32),
        preview=np.zeros((2, 8, 8, 1), np.uint8),
        labels=np.zeros(2, np.int64),
        evaluations=4,
        seconds=1.0,
    )
    with tempfile.TemporaryDirectory() as folder:
        blocks, block = _block(Path(folder))
        blocks.prepare()
        blocks.write(block, shard, None)
        return [Case("shard.npz", blocks.path(block).read_bytes())]


def _read_shard(path: Path) -> None:
    blocks, block = _block(path.parent)
    blocks.prepare()
    path.rename(blocks.path(block))
    blocks.is_good(block, print)


# Options, and the YAML that holds some


def _cards() -> list[Case]:
    texts = ["defaults: [digits, _self_]\nname: mine\nsettings: {num_steps: 12, edm: {S_churn: 40}}\n"]
    texts += [(_ROOT / f"conf/model/{name}.yaml").read_text() for name in ("digits", "gaussian_mixture")]
    return [Case("mine.yaml", text.encode()) for text in texts]


def _damage_card(case: Case, random: Random) -> Case:
    return Case(case.name, _BOMB.encode() + case.data) if random.random() < 0.02 else _text(_YAML, case, random)


def _read_card(path: Path) -> None:
    _moved(path, "conf", "model", path.name)
    run_hydra(sample, "--config-dir=conf", "+model=mine")


def _experiments() -> list[Case]:
    demo = (_ROOT / "conf/experiment/demo.yaml").read_text()
    own = "# @package _global_\ndefaults:\n  - override /model: gaussian_mixture\nclass_idx: null\nseeds: [0, '2-3']\n"
    return [Case("mine.yaml", text.encode()) for text in (demo, f"{own}grid: [{{sampler: edm, rho: [5, 7]}}]\n")]


def _read_experiment(path: Path) -> None:
    _moved(path, "conf", "experiment", path.name)
    run_hydra(compare, "--config-dir=conf", "model=digits", "experiment=mine")


def _words() -> list[Case]:
    lines = [
        ["+model=digits", "sampler=edm", "sampler.num_steps=9", "seeds='0-99,200'", "class_idx=3"],
        [
            "+model=gaussian_mixture",
            "model.img_resolution=4",
            "model.name=mine",
            "sampler.gamma=0.1",
            "metric=[frechet]",
        ],
        [
            "+model=gaussian_mixture",
            "sampler=ablation",
            "sampler.schedule=vp",
            "batch_size=50",
            "detector=pixels",
            "workers=1",
        ],
        ["+model=digits", "~model.settings.gamma", "sampler.gamma=0.5", "device=cpu", "save_images=png"],
    ]
    return [Case("words.txt", "\n".join(words).encode()) for words in lines]


def _read_words(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "surrogateescape").replace("\0", "")
    words = text.split("\n")
    # Without a model the message is the list of all, on purpose.
    run_hydra(sample, *words, *([] if any(word.startswith("+model=") for word in words) else ["+model=digits"]))


def _seeds() -> list[Case]:
    return [Case("seeds.txt", text.encode()) for text in ("0-4999", "0-99,200-299,7000", "1, 2, 5-10")]


def _read_seeds(path: Path) -> None:
    parse_seeds(path.read_bytes().decode("utf-8", "replace"))


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader("pickle", _pickles, partial(_bytes, damage_pickle), describe_file),
        Reader("safetensors", _safetensors, partial(_bytes, damage_safetensors), describe_file),
        Reader("weights", _weights, _damage_weights, read_state_dict),
        Reader("reference", _references, partial(_zip, damage_npy), _read_reference),
        Reader("image_npz", _image_arrays, partial(_zip, damage_npy), _read_images),
        Reader("image_zip", _image_zips, partial(_zip, damage_png), _read_images),
        Reader("image_folder", _image_files, _damage_image, _read_image_folder),
        Reader("inverted", _inverted_pictures, partial(_bytes, damage_safetensors), _read_inverted),
        Reader("pie_bench", _edit_tasks, _json, _read_edit_tasks),
        Reader("record", _records, _json, _read_record),
        Reader("selection", _selections, _json, _read_selection),
        Reader("notes", _notes, _json, _read_notes),
        Reader("shard", _shards, partial(_zip, damage_npy), _read_shard),
        Reader("card", _cards, _damage_card, _read_card),
        Reader("experiment", _experiments, partial(_text, _YAML), _read_experiment),
        Reader("options", _words, partial(_text, _OPTIONS), _read_words),
        Reader("seeds", _seeds, partial(_text, _SEEDS), _read_seeds),
    )
}
