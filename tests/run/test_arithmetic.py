"""What a run's network computes with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bdia_edm.api import prepare
from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_values
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.run import arithmetic
from bdia_edm.run.arithmetic import as_configured
from bdia_edm.run.kinds import KINDS
from bdia_edm.run.run import AnyRun
from bdia_edm.run.summary import model_facts

CPU = torch.device("cpu")


@pytest.mark.parametrize("task", ["sample", "invert"])
def test_a_precision_is_in_the_identity_by_what_it_stands_for(task: str, tmp_path: Path) -> None:
    where = ["+model=digits", "detector=none", "seeds=0-3", f"results_dir={tmp_path}"]
    if task == "invert":
        where = ["+model=digits", "indices=0-3", "sampler=bdia", f"results_dir={tmp_path}"]

    def made(*options: str) -> AnyRun:
        kind = KINDS[task]
        return kind.prepare(kind.read(compose_values([*where, *options], command=task)), "")

    auto, plain, low = made(), made("precision=fp32"), made("precision=bf16")
    assert (auto.precision, plain.precision, low.precision) == ("fp32", "fp32", "bf16")
    assert auto.identity == plain.identity
    assert low.folder != plain.folder
    assert model_facts(low)["precision"]["activations"] == "bfloat16"
    # In tables it stands beside the sampler's options, where it is not the network's own.
    assert model_facts(low)["labels"]["columns"]["precision"] == "bf16"
    assert "precision" not in model_facts(plain)["labels"]["columns"]
    with pytest.raises(UserError, match=r"^precision=fp16: needs a GPU"):
        made("precision=fp16")


def test_the_network_itself_where_nothing_is_asked_for(tmp_path: Path) -> None:
    run = prepare("+model=digits", "detector=none", "seeds=0-3", f"results_dir={tmp_path}")
    assert as_configured(run.denoiser, run.config, CPU, "cpu", 4) == (run.denoiser, "fp32")


def test_what_is_no_network_is_not_compiled(tmp_path: Path) -> None:
    words = ("+model=gaussian_mixture", "model.reference_samples=100", "detector=none", "seeds=0-3")
    with pytest.raises(UserError, match=r"^compile=default: is of networks, and .* is none \(GaussianMixture\)"):
        prepare(*words, "compile=default", f"results_dir={tmp_path}")


@pytest.mark.parametrize(
    ("batch_size", "block_size", "items", "size"), [(250, 500, 1000, 250), (250, 100, 1000, 100), (250, 500, 7, 7)]
)
def test_it_is_compiled_for_the_largest_batch_of_the_run(
    batch_size: int, block_size: int, items: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare("+model=digits", "detector=none", "seeds=0-3", f"results_dir={tmp_path}")
    sizes: list[int] = []
    monkeypatch.setattr(arithmetic, "require_compiler", lambda *_: None)
    monkeypatch.setattr(arithmetic, "Compiled", lambda made, how, size: sizes.append(size) or made)
    config: Any = SimpleNamespace(
        precision="auto", compile="default", batch_size=batch_size, images_at_once=batch_size, block_size=block_size
    )
    as_configured(run.denoiser, config, CPU, "cpu", items)
    assert sizes == [size]


def test_other_denoisers_are_left_as_they_are(tmp_path: Path) -> None:
    run = prepare("+model=digits", "detector=none", "seeds=0-3", f"results_dir={tmp_path}")
    mixture = GaussianMixture(img_resolution=4)
    assert as_configured(mixture, run.config, CPU, "cpu", 4)[0] is mixture
