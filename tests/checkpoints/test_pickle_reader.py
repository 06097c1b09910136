"""The reader of EDM checkpoints: the genuine ones of every age, and the corpus of those that are not.

A pickle has no checksum. A byte changed in a weight's own bytes therefore gives another, well-formed network: there
the tests ask that this one value changes and nothing else. Changed anywhere else, it must give the original's
weights or one CheckpointError.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.pickle_reader import CheckpointError, read_pickle
from bdia_edm.checkpoints.safetensors_file import StoredNetwork, load_weights
from bdia_edm.models.preconditioning import PRECONDITIONINGS
from tests.pickle_attacks_code import RUN_CODE, RUN_STORED_SOURCE
from tests.pickle_attacks_limits import EITHER, REFUSED
from tests.pickle_writer import (
    INIT_KWARGS,
    OLD_SCALAR,
    Call,
    EasyDict,
    array,
    checkpoint,
    dumps,
    ema,
    genuine,
    module,
    network,
    storage_file,
    stored,
    tensor,
    tree,
)
from tests.references import REFERENCE, build, describe

ROOT = Path(__file__).parents[2]
PROTOCOLS = (2, 3, 4, 5)
MOST_SECONDS = 10
MOST_MEGABYTES = 200


def read(folder: Path, data: bytes) -> StoredNetwork:
    path = folder / "network.pkl"
    path.write_bytes(data)
    return read_pickle(path)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Bit for bit."""
    return one.keys() == other.keys() and all(
        one[name].shape == other[name].shape and one[name].numpy().tobytes() == other[name].numpy().tobytes()
        for name in one
    )


def weights() -> dict[str, Tensor]:
    return network().state_dict()


# Genuine checkpoints.


def test_the_reference_pickle_gives_the_reference_images() -> None:
    name = "tiny-song-vp-cond"
    path = REFERENCE / "pickles" / f"{name}.pkl"
    stored_network = read_pickle(path)
    assert (stored_network.class_name, stored_network.notes) == ("EDMPrecond", {})
    assert stored_network.init_kwargs == describe(name)["init_kwargs"]
    assert same(stored_network.state_dict, build(name).state_dict())
    denoiser = load_weights(PRECONDITIONINGS, stored_network, path)
    reference = np.load(REFERENCE / "denoised" / f"{name}.npz")
    sigma = reference["sigma"]
    z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal((3, 3, 8, 8)).astype(np.float32)
    x = torch.from_numpy(z * np.sqrt(0.25 + sigma**2).reshape(-1, 1, 1, 1))
    labels = torch.eye(3)[torch.from_numpy(reference["labels"])]
    denoised = denoiser(x, torch.from_numpy(sigma), labels)
    assert np.abs(denoised.numpy() - reference["denoised"]).max() <= 3e-6


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_gives_the_same_weights(protocol: int, tmp_path: Path) -> None:
    got = read(tmp_path, genuine(protocol))
    assert same(got.state_dict, weights())
    assert got.init_kwargs == INIT_KWARGS
    assert list(got.state_dict) == list(weights())
    assert all(t.dtype == torch.float32 and t.is_contiguous() for t in got.state_dict.values())


@pytest.mark.parametrize("class_name", PRECONDITIONINGS)
def test_every_preconditioning(class_name: str, tmp_path: Path) -> None:
    made = PRECONDITIONINGS[class_name](**INIT_KWARGS)
    got = read(tmp_path, dumps(checkpoint(tree(made, INIT_KWARGS))))
    assert got.class_name == class_name
    assert same(got.state_dict, made.state_dict())


def transposed(name: str, values: Tensor) -> Tensor:
    """The same values, the last axis outermost in the storage."""
    return values.data.movedim(-1, 0).contiguous().movedim(0, -1) if values.ndim else values


def in_a_larger_storage(name: str, values: Tensor) -> Tensor:
    larger = torch.full((values.numel() + 7,), math.nan)
    larger[3:-4] = values.data.flatten()
    return larger[3:-4].view(values.shape)


def on_a_gpu(name: str, values: Tensor) -> Call:
    return array(values.detach().numpy(), location="cuda:0")


def with_metadata(name: str, values: Tensor) -> Call:
    """As torch 2 stores tensors that are neither parameters nor have hooks."""
    plain = array(values.detach().numpy())
    return Call(plain.function, *plain.arguments, {})


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("store", [transposed, in_a_larger_storage, on_a_gpu, with_metadata])
def test_every_way_to_store_a_tensor(store: Callable[[str, Tensor], object], protocol: int, tmp_path: Path) -> None:
    got = read(tmp_path, dumps(checkpoint(tree(network(), INIT_KWARGS, store)), protocol))
    assert same(got.state_dict, weights())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_other_precisions_become_float32(dtype: torch.dtype, protocol: int, tmp_path: Path) -> None:
    got = read(tmp_path, dumps(checkpoint(tree(network(), INIT_KWARGS, lambda _, t: t.data.to(dtype))), protocol))
    assert same(got.state_dict, {name: t.to(dtype).float() for name, t in weights().items()})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_storage_for_all_weights(protocol: int, tmp_path: Path) -> None:
    state = weights()
    storage = stored(storage_file(torch.cat([t.flatten() for t in state.values()]).numpy()))
    offsets = dict(zip(state, np.cumsum([0, *(t.numel() for t in state.values())]).tolist(), strict=False))

    def store(name: str, values: Tensor) -> Call:
        return tensor(storage, tuple(values.shape), values.stride(), offsets[name])

    got = read(tmp_path, dumps(checkpoint(tree(network(), INIT_KWARGS, store)), protocol))
    assert same(got.state_dict, state)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_older_dicts_and_nothing_in_place_of_weights(protocol: int, tmp_path: Path) -> None:
    """Before torch 2.4 the groups are ordered dicts; NVIDIA's own dict may stand for any."""
    top: Any = ema().arguments[0]
    state = top["state"]
    for group in ("_parameters", "_buffers", "_modules"):
        state[group] = OrderedDict(nothing=None, **state[group])
    state["_init_kwargs"] = EasyDict(state["_init_kwargs"])
    got = read(tmp_path, dumps(EasyDict(checkpoint(module("EDMPrecond", OrderedDict(state)))), protocol))
    assert same(got.state_dict, weights())
    assert got.init_kwargs == INIT_KWARGS


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpy_numbers_of_every_age(protocol: int, tmp_path: Path) -> None:
    old = Call(OLD_SCALAR, np.dtype("f8"), np.float64(0.25).tobytes())
    kwargs = {"dropout": old, "sigma_data": np.float32(0.5), "label_dim": np.int64(2), "use_fp16": np.bool_(False)}
    data = dumps(checkpoint(ema(**kwargs)), protocol)
    assert b"numpy.core.multiarray" in data
    got = read(tmp_path, data)
    wanted = {**INIT_KWARGS, "dropout": 0.25, "sigma_data": 0.5}
    assert got.init_kwargs == wanted
    assert {name: type(value) for name, value in got.init_kwargs.items()} == {n: type(v) for n, v in wanted.items()}


def test_arguments_given_by_position(tmp_path: Path) -> None:
    rest = {name: value for name, value in INIT_KWARGS.items() if name not in ("img_resolution", "img_channels")}
    got = read(tmp_path, dumps(checkpoint(tree(network(), {**rest, "sigma_max": math.inf}, init_args=(4, 1)))))
    assert got.init_kwargs == {**INIT_KWARGS, "sigma_max": math.inf}
    assert same(got.state_dict, weights())


def test_what_is_beside_the_network_is_ignored(tmp_path: Path) -> None:
    loss = module("EDMLoss", {"P_mean": -1.2, "P_std": 1.2, "sigma_data": np.float64(0.5)}, source="raise SystemExit")
    augment = module("AugmentPipe", EasyDict(p=0.12, xflip=1e8, yflip=1, buffer=torch.zeros(3)))
    got = read(tmp_path, dumps(checkpoint(ema(), loss_fn=loss, augment_pipe=augment, more={1: {2}})))
    assert same(got.state_dict, weights())


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pkl", tmp_path):
        with pytest.raises(CheckpointError, match=f"{path}: no such file"):
            read_pickle(path)


def test_the_error_is_a_user_s() -> None:
    assert issubclass(CheckpointError, UserError)


# Hostile checkpoints.


def results(folder: Path, loader: str) -> list[dict[str, Any]]:
    """What `tests.run_pickles` says of each file in the folder."""
    command = [sys.executable, "-m", "tests.run_pickles", str(folder), loader]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr
    # What the attacks print is theirs.
    return [json.loads(line) for line in finished.stdout.splitlines() if line.startswith('{"name"')]


def assert_held(result: dict[str, Any]) -> None:
    """One of the two endings, within the limits, and one clear line."""
    assert result["outcome"] in ("loaded", "refused"), result
    assert result["seconds"] < MOST_SECONDS, result
    assert result["megabytes"] < 4 * result["bytes"] / 2**20 + MOST_MEGABYTES, result
    assert result["message"].isascii(), result
    assert result["message"] == "" or result["message"].isprintable(), result
    assert len(result["message"]) < 1000, result


@pytest.fixture(scope="module")
def code_attacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    for name, attack in {**RUN_CODE, **RUN_STORED_SOURCE}.items():
        (folder / name).mkdir()
        (folder / f"{name}.pkl").write_bytes(attack(str(folder / name)))
    return folder


def test_no_code_in_a_checkpoint_runs(code_attacks: Path) -> None:
    assert len(RUN_CODE) >= 40
    for result in results(code_attacks, "reader"):
        assert_held(result)
        assert (result["outcome"] == "refused") == (
            result["name"] in RUN_CODE or result["name"] == "source_in_place_of_a_weight"
        ), result
    assert not list(code_attacks.glob("*/mark"))
    for name in RUN_STORED_SOURCE:
        if name != "source_in_place_of_a_weight":
            assert same(read_pickle(code_attacks / f"{name}.pkl").state_dict, weights())


def test_the_same_code_runs_where_it_can(code_attacks: Path) -> None:
    """The corpus has teeth: pickle.load, with a loader that executes stored source, falls for each of them."""
    results(code_attacks, "unsafe")
    marked = {path.parent.name for path in code_attacks.glob("*/mark")}
    assert marked == RUN_CODE.keys() | RUN_STORED_SOURCE.keys()
    for path in code_attacks.glob("*/mark"):
        path.rmdir() if path.is_dir() else path.unlink()


def test_no_checkpoint_exhausts_the_machine(tmp_path: Path) -> None:
    for name, make in {**REFUSED, **EITHER}.items():
        (tmp_path / f"{name}.pkl").write_bytes(make())
    found = results(tmp_path, "reader")
    assert len(found) == len(REFUSED) + len(EITHER)
    for result in found:
        assert_held(result)
        name = result["name"]
        assert result["outcome"] == "refused" or name in EITHER, result
        if name.startswith("global "):
            assert repr(name.removeprefix("global ")) in result["message"]
        if result["outcome"] == "loaded":
            assert same(read_pickle(tmp_path / f"{name}.pkl").state_dict, weights()), name


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_cut_is_refused(protocol: int, tmp_path: Path) -> None:
    data = genuine(protocol)
    for part in range(64):
        with pytest.raises(CheckpointError):
            read(tmp_path, data[: len(data) * part // 64])


def payloads(data: bytes, state: dict[str, Tensor], protocol: int) -> dict[int, str]:
    """The weight that each byte of the weights' own bytes belongs to."""
    owners = {}
    for name, values in state.items():
        raw = values.numpy().tobytes()
        written = raw.decode("latin-1").encode() if protocol == 2 else raw
        start = data.find(written)
        while start >= 0:  # equal weights, of zeros, say, are found at the same places
            owners.update(dict.fromkeys(range(start, start + len(written)), name))
            start = data.find(written, start + 1)
    return owners


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_changed_byte(protocol: int, tmp_path: Path) -> None:
    data, state = genuine(protocol), weights()
    owners = payloads(data, state, protocol)
    elsewhere = [position for position in range(len(data)) if position not in owners]
    rng = np.random.default_rng(protocol)
    # Spread over the whole file, most of them where a byte means more than a weight.
    positions = [int(rng.choice(part)) for part in np.array_split(elsewhere, 150)]
    positions += [int(rng.choice(part)) for part in np.array_split(sorted(owners), 25)]
    endings = {"loaded": 0, "refused": 0, "weight": 0}
    for position in positions:
        damaged = bytearray(data)
        damaged[position] ^= int(rng.integers(1, 256))
        try:
            got = read(tmp_path, bytes(damaged)).state_dict
        except CheckpointError:
            endings["refused"] += 1
            continue
        if position not in owners:
            endings["loaded"] += 1
            assert same(got, state), position
            continue
        endings["weight"] += 1
        changed = sum(
            int((got[name].view(torch.int32) != values.view(torch.int32)).sum()) for name, values in state.items()
        )
        assert changed == 1, position
    assert min(endings.values()) > 0
