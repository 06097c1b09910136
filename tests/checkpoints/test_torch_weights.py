"""Files of weights and TorchScript files, honest and hostile."""

from __future__ import annotations

import hashlib
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.torch_weights import read_state_dict, read_torchscript
from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.run.loading_detectors import load_detector
from tests.detector_files import Command, SavingInception, SmallInception, write_torchscript

CPU = torch.device("cpu")


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_come_back(zipped: bool, tmp_path: Path) -> None:
    """In today's format of torch.save and in that of before 1.6."""
    path = tmp_path / "weights.pth"
    weights = SmallInception().state_dict()
    torch.save(weights, path, _use_new_zipfile_serialization=zipped)
    found = read_state_dict(path)
    assert list(found) == list(weights)
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_code_in_weights_does_not_run(tmp_path: Path) -> None:
    path, canary = tmp_path / "weights.pth", tmp_path / "canary"
    torch.save({"conv.weight": Command(f"touch {canary}")}, path)
    with pytest.raises(UserError, match=r"weights.pth: not a file of weights: global 'posix system' before byte "):
        read_state_dict(path)
    assert not canary.exists()
    # The attack has teeth: this is how torch-fidelity itself would read the file.
    torch.load(path, weights_only=False)
    assert canary.exists()


@pytest.mark.parametrize(
    "content", [[torch.zeros(1)], {"a": {"b": torch.zeros(1)}}, {1: torch.zeros(1)}, torch.zeros(1)]
)
def test_what_is_no_state_dict(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="must hold tensors by name"):
        read_state_dict(tmp_path / "weights.pth")


def test_damaged_files(tmp_path: Path) -> None:
    """Cut or replaced: one UserError in one line. Weights with bits changed here and there: that, or weights.

    A changed script has another checksum; PyTorch's own reader of scripts can end the process over one.
    """
    torch.save(SmallInception().state_dict(), tmp_path / "whole.pth")
    write_torchscript(tmp_path / "whole.pt", SmallInception())
    for name, read in (("whole.pth", read_state_dict), ("whole.pt", trusting)):
        whole = (tmp_path / name).read_bytes()
        contents = [b"", b"<!doctype html>", whole[:1000], whole[: len(whole) // 2], whole[:-40]]
        for content in contents:
            assert "\n" not in refusal(read, tmp_path / f"damaged-{name}", content)
    flips, whole = random.Random(0), (tmp_path / "whole.pth").read_bytes()
    for _ in range(300):
        changed = bytearray(whole)
        for place in flips.sample(range(len(whole)), 3):
            changed[place] ^= 1 << flips.randrange(8)
        (tmp_path / "changed.pth").write_bytes(changed)
        with suppress(UserError):
            assert all(isinstance(value, torch.Tensor) for value in read_state_dict(tmp_path / "changed.pth").values())
    with pytest.raises(UserError, match="no such file"):
        read_state_dict(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no such file"):
        read_torchscript(tmp_path / "nowhere", "0" * 64, CPU)


def trusting(path: Path) -> torch.jit.ScriptModule:
    return read_torchscript(path, hashlib.sha256(path.read_bytes()).hexdigest(), CPU)


def refusal(read: Callable[[Path], object], path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{path.name}: not a ") as caught:
        read(path)
    return str(caught.value)


def test_torchscript(tmp_path: Path) -> None:
    network = SmallInception().eval()
    write_torchscript(tmp_path / "a.pt", network)
    images = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8).to(torch.uint8)
    found = trusting(tmp_path / "a.pt")
    assert torch.equal(found(images, return_features=True), network(images, return_features=True))


def test_a_script_is_run_only_with_its_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_torchscript(tmp_path / "a.pt", SavingInception())
    with pytest.raises(UserError, match=r"a.pt: its sha256 is [0-9a-f]{64}, and the one that may be run has 0{64}"):
        read_torchscript(tmp_path / "a.pt", "0" * 64, CPU)
    unpinned = DetectorCard("inception_nvidia", str(tmp_path / "a.pt"))
    with pytest.raises(UserError, match=r"detector.sha256: missing; a TorchScript file is a program"):
        load_detector(unpinned, (3, 8, 8), CPU)
    assert not (tmp_path / "canary").exists()
    # The attack has teeth: a script can write files.
    trusting(tmp_path / "a.pt")(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), return_features=True)
    assert (tmp_path / "canary").exists()


class Bytes:
    """A pickle of ``bytearray(number)``, which PyTorch's weights_only lets through."""

    def __reduce__(self) -> object:
        return bytearray, (1 << 40,)


def packed(path: Path, method: int) -> None:
    """The same file, its entries packed."""
    torch.save({"a": torch.zeros(8 << 20)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": Bytes()}, "global '__builtin__ bytearray' before byte"),
        ({"a": torch.zeros(1).expand(1 << 40)}, "a tensor's axes overlap"),
        ({"a": [0] * 600_000}, "it takes more than 500000 steps"),
        ({str(number): torch.zeros(1)[0] for number in range(10_001)}, "it takes more than 10000 weights"),
    ],
    ids=["bytearray", "expanded", "steps", "tensors"],
)
def test_the_limits_of_pickles_hold(content: object, words: str, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"weights.pth: not a file of weights: ") as caught:
        read_state_dict(path)
    assert words in str(caught.value) or "it takes more than 500000 steps" in str(caught.value)


@pytest.mark.parametrize(
    ("method", "words"),
    [(zipfile.ZIP_DEFLATED, "more than [0-9]+ bytes of weights"), (zipfile.ZIP_BZIP2, "is packed by bzip2")],
)
def test_bombs_are_not_unpacked(method: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed(tmp_path / "weights.pth", method)
    assert (tmp_path / "weights.pth").stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=words):
            read_state_dict(tmp_path / "weights.pth")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_whole_numbers_and_other_precisions(tmp_path: Path) -> None:
    weights = {"n": torch.tensor(2**40 + 1), "h": torch.ones(3).half(), "d": torch.ones(2, 3).double().T}
    for zipped in (True, False):
        torch.save(weights, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        found = read_state_dict(tmp_path / "a.pth")
        assert [found[name].dtype for name in weights] == [torch.int64, torch.float32, torch.float32]
        assert all(torch.equal(found[name], weights[name].to(found[name].dtype)) for name in weights)
