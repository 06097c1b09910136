"""The arithmetic of a run."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.engine.precision import choose_device, describe_precision, fix_precision
from bdia_edm.errors import UserError
from bdia_edm.models.gaussian_mixture import GaussianMixture
from tests.references import build


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UserError, match="device=gpu: must be one of auto, cpu, cuda"):
        choose_device("gpu")


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
