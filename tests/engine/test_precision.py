"""The arithmetic of a run."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.engine.precision import choose_device, describe_precision, fix_precision, share_cores
from bdia_edm.models.gaussian_mixture import GaussianMixture
from tests.references import build


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UserError, match="device=gpu: must be one of auto, cpu, cuda"):
        choose_device("gpu")


def test_each_worker_of_a_machine_has_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert choose_device("auto") == torch.device("cuda", 3)
    assert choose_device("cpu") == torch.device("cpu")
    assert chosen == [3]
    monkeypatch.setenv("RANK", "3")
    monkeypatch.delenv("LOCAL_RANK")
    with pytest.raises(UserError, match="device=auto: LOCAL_RANK must say which GPU a worker has"):
        choose_device("auto")
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(UserError, match="device=cuda: worker 5 of this machine has no GPU; PyTorch finds 4"):
        choose_device("cuda")


def test_cores_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    for processes, threads in ((1, 8), (3, 2), (20, 1)):
        share_cores(processes)
        assert torch.get_num_threads() == threads
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    share_cores(2)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(5)
    share_cores(2)
    assert torch.get_num_threads() == 5
    torch.set_num_threads(before)


def test_full_float32_whatever_was_set_before() -> None:
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    fix_precision()
    described = describe_precision(build("tiny-song-vp-cond"), torch.device("cpu"))
    assert described == {
        "activations": "float32",
        "state": "float64",
        "tf32": False,
        "deterministic": True,
        "threads": torch.get_num_threads(),
    }


def test_activations() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    adm = build("tiny-adm-cond")
    assert describe_precision(adm, cpu)["activations"] == "float32"
    assert describe_precision(adm, cuda)["activations"] == "float16"
    assert describe_precision(build("tiny-song-vp-cond"), cuda)["activations"] == "float32"
    assert describe_precision(GaussianMixture(), cpu)["activations"] == "float64"
