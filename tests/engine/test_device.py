"""Which device a process gets, and words for a full memory."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.engine.device import choose_device, says_out_of_memory, share_cores


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), True),
        (MemoryError(), True),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
                "to allocate 8192000 bytes. Error code 12 (Cannot allocate memory)"
            ),
            True,
        ),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("CUDNN_STATUS_ALLOC_FAILED"), False),
    ],
)
def test_out_of_memory(error: Exception, expected: bool) -> None:
    assert says_out_of_memory(error) is expected


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UserError, match="device=gpu: must be one of auto, cpu, cuda"):
        choose_device("gpu")


def test_each_worker_of_a_machine_has_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert choose_device("auto") == torch.device("cuda", 3)
    assert choose_device("cpu") == torch.device("cpu")
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LOCAL_RANK")
    with pytest.raises(UserError, match="device=auto: LOCAL_RANK must say which GPU a worker has"):
        choose_device("auto")
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(UserError, match="device=cuda: worker 5 of this machine has no GPU; PyTorch finds 4"):
        choose_device("cuda")


@pytest.fixture
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)


def test_one_of_several_gpus(three_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [choose_device(f"cuda:{index}") for index in range(3)] == [torch.device("cuda", index) for index in range(3)]
    # One process of a machine, as torchrun starts it.
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert choose_device("cuda:2") == torch.device("cuda", 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(UserError, match=r"^device=cuda:2: each worker of this machine takes the GPU of its number"):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["cuda:", "cuda:x", "cuda:-1", "cuda:01x", "cuda:9999", "cpu:0", "auto:1", "", "CUDA"])
def test_no_such_device(name: str, three_gpus: None) -> None:
    with pytest.raises(UserError, match=rf"^device={name}: must be one of auto, cpu, cuda, and cuda:N "):
        choose_device(name)


def test_what_is_visible_is_said(three_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^device=cuda:3: must be below cuda:3; PyTorch finds 3 here$"):
        choose_device("cuda:3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    seen = r" \(CUDA_VISIBLE_DEVICES=4,5,6\)"
    with pytest.raises(UserError, match=rf"PyTorch finds 3 here{seen}$"):
        choose_device("cuda:3")
    monkeypatch.setenv("LOCAL_RANK", "3")
    with pytest.raises(
        UserError, match=rf"PyTorch finds 3{seen}; where each worker sees its own alone, set LOCAL_RANK=0"
    ):
        choose_device("auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "cuda:1"):
        with pytest.raises(UserError, match=rf"^device={name}: PyTorch finds no CUDA device here{seen}; device=cpu"):
            choose_device(name)


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
