"""The arithmetic of a run."""

from __future__ import annotations

import torch

from bdia_edm.engine.precision import describe_precision, full_precision
from bdia_edm.models.gaussian_mixture import GaussianMixture
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
