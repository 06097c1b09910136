"""The arithmetic of a run."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import options_of
from bdia_edm.config.common_config import CommonOptions
from bdia_edm.engine.compiled import MODES
from bdia_edm.engine.precision import AUTO, OWN, describe_precision, full_precision, resolve_precision
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.precision import PRECISIONS
from tests.references import build


def test_full_float32_whatever_was_set_before() -> None:
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    try:
        with full_precision():
            described = describe_precision(build("tiny-song-vp-cond"), torch.device("cpu"))
        # They are the whole process's, and so put back.
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.benchmark = False
    assert described == {
        "name": "fp32",
        "activations": "float32",
        "state": "float64",
        "tf32": False,
        "compile": "off",
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


def test_a_denoiser_without_tensors_says_nothing_of_its_precision() -> None:
    assert describe_precision(lambda x: x, torch.device("cpu"))["activations"] == "unknown"


def test_of_those_that_overlap_the_last_one_puts_the_flags_back() -> None:
    torch.backends.cudnn.benchmark = True
    try:
        first, second = full_precision(), full_precision()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert not torch.backends.cudnn.benchmark
        second.__exit__(None, None, None)
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cudnn.benchmark = False


CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_the_options_offer_what_there_is() -> None:
    offered = {field.name: facts.one_of for field, facts in options_of(CommonOptions)}
    assert offered["precision"] == (AUTO, *PRECISIONS)
    assert offered["compile"] == ("off", *MODES)


def test_auto_is_the_checkpoints_own() -> None:
    for_gpus, plain = build("tiny-adm-cond"), build("tiny-song-vp-cond")
    assert [resolve_precision(for_gpus, AUTO, kind, CPU) for kind in ("cpu", "cuda")] == ["fp32", "fp16"]
    assert [resolve_precision(plain, AUTO, kind, CPU) for kind in ("cpu", "cuda")] == ["fp32", "fp32"]
    assert resolve_precision(GaussianMixture(), AUTO, "cuda", CPU) == OWN


@pytest.mark.parametrize("asked", ["fp16", "tf32"])
def test_what_the_cpu_cannot_do(asked: str) -> None:
    with pytest.raises(UserError, match=f"^precision={asked}: needs a GPU.*take auto, fp32 or bf16$"):
        resolve_precision(build("tiny-adm-cond"), asked, "cpu", CPU)


@pytest.mark.parametrize("asked", ["bf16", "tf32"])
def test_what_an_old_gpu_cannot_do(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build("tiny-adm-cond")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla V100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    with pytest.raises(
        UserError, match=f"^precision={asked}: needs a GPU of capability 8.0.*not Tesla V100; take auto"
    ):
        resolve_precision(network, asked, "cuda", CUDA)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert resolve_precision(network, asked, "cuda", CUDA) == asked


def test_a_denoiser_that_is_no_network_has_one_precision() -> None:
    with pytest.raises(UserError, match=r"^precision=fp32: is of networks, and GaussianMixture computes in"):
        resolve_precision(GaussianMixture(), "fp32", "cpu", CPU)


@pytest.mark.parametrize(("name", "activations"), [("tf32", "float32"), ("bf16", "bfloat16"), ("fp16", "float16")])
def test_the_record_names_the_precision(name: str, activations: str) -> None:
    with full_precision():
        described = describe_precision(build("tiny-adm-cond").in_precision(name), CUDA)
    assert (described["name"], described["activations"]) == (name, activations)
    assert described["tf32"] is (name == "tf32")
