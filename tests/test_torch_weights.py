"""Files of weights and TorchScript files, honest and hostile."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bdia_edm.checkpoints.torch_weights import read_state_dict, read_torchscript
from bdia_edm.errors import UserError
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
    with pytest.raises(UserError, match=r"weights.pth: not a file of weights: "):
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
    torch.save(SmallInception().state_dict(), tmp_path / "whole.pth")
    write_torchscript(tmp_path / "whole.pt", SmallInception())
    for name, read in (("whole.pth", read_state_dict), ("whole.pt", lambda path: read_torchscript(path, CPU))):
        whole = (tmp_path / name).read_bytes()
        for content in (b"", b"<!doctype html>", whole[:1000], whole[: len(whole) // 2], whole[:-40]):
            path = tmp_path / f"damaged-{name}"
            path.write_bytes(content)
            with pytest.raises(UserError, match=r"damaged-whole.pth?: not a ") as caught:
                read(path)
            assert "\n" not in str(caught.value)
        with pytest.raises(UserError, match="no such file"):
            read(tmp_path / "nowhere")


def test_torchscript(tmp_path: Path) -> None:
    network = SmallInception().eval()
    write_torchscript(tmp_path / "a.pt", network)
    images = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8).to(torch.uint8)
    found = read_torchscript(tmp_path / "a.pt", CPU)
    assert torch.equal(found(images, return_features=True), network(images, return_features=True))


def test_a_script_that_writes_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_torchscript(tmp_path / "a.pt", SavingInception())
    with pytest.raises(UserError, match=r"a.pt: its code calls save, which no detector needs"):
        read_torchscript(tmp_path / "a.pt", CPU)
    assert not (tmp_path / "canary").exists()
    # The attack has teeth.
    with pytest.warns((FutureWarning, DeprecationWarning)):
        loaded = torch.jit.load(tmp_path / "a.pt")
    loaded(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), return_features=True)
    assert (tmp_path / "canary").exists()
