"""A user's mistakes: one clear line on stderr, status 2, nothing on stdout, nothing sampled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bdia_edm.config.conf_folder import PACKAGE
from tests.commands import run_apart, run_here

ASSETS = PACKAGE / "assets"
DIGITS = "+model=digits"
ABLATION = [DIGITS, "sampler=ablation"]
UNDEFINED = (
    "error: sampler.sigma_min=0.0021, sampler.sigma_max=0.0022: discretization=iddpm with schedule=linear is und"
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["+model=nope"], "error: model=nope: unknown; there are afhqv2, afhqv2_ve, cifar10, "),
        ([DIGITS, "sampler=nope"], "error: sampler=nope: unknown; there are ab, ablation, bdia, deis, dpm, "),
        ([DIGITS, "detector=nope"], "error: detector=nope: unknown; there are digits, "),
        ([DIGITS, "sampler.gama=0.1"], "error: sampler.gama=0.1: unknown option; --help lists those there are"),
        ([DIGITS, "+sampler.gama=0.1"], "error: sampler.gama=0.1: unknown option; sampler takes num_steps, "),
        ([DIGITS, "+foo=1"], "error: foo=1: unknown option; there are block_size, device, "),
        (
            [DIGITS, "+model.foo=1"],
            "error: model.foo=1: unknown option; model takes name, reference, reference_sha256, reference_features, ",
        ),
        ([DIGITS, "foo=1"], "error: foo=1: unknown option; "),
        ([DIGITS, "sampler.num_steps=1"], "error: sampler.num_steps=1: must be from 2 to 1000000"),
        ([DIGITS, "sampler.gamma=1.01"], "error: sampler.gamma=1.01: must be from 0 to 1"),
        ([DIGITS, "sampler.gamma=-0.1"], "error: sampler.gamma=-0.1: must be from 0 to 1"),
        ([DIGITS, "+sampler.S_churn=1"], "error: sampler.S_churn=1: bdia has no such option; "),
        (
            [DIGITS, "sampler.S_churn=1"],
            "error: sampler.S_churn=1: bdia has no such option; sampler=ablation or sampler=edm takes it",
        ),
        (
            [DIGITS, "sampler=edm", "sampler.gamma=0.1"],
            "error: sampler.gamma=0.1: edm has no such option; sampler=bdia takes it",
        ),
        (["+model=cifar10", "model.most_bytes=0"], "error: model.most_bytes=0: must be from 1 to 1125899906842624"),
        ([DIGITS, "+detector.most_bytes=1e6"], "error: detector.most_bytes=1000000.0: must be a whole number or null"),
        ([DIGITS, "model.name=../x"], "error: model.name=../x: must be 1 to 100 printable characters without '/', "),
        ([DIGITS, f"sampler.num_steps={'9' * 5000}"], "error: sampler.num_steps=9999"),
        ([DIGITS, f"sampler.rho={'9' * 4000}"], "error: sampler.rho=inf: must be from 0.1 to 1000"),
        ([DIGITS, f"seeds=0-{'9' * 5000}"], "error: seeds=0-99999"),
        ([DIGITS, f"class_idx={'9' * 4000}"], "error: class_idx=(a number of 13288 bits): must be from 0 to 1000000"),
        ([DIGITS, "sampler.num_steps=1000000000"], "error: sampler.num_steps=1000000000: must be from 2 to 1000000"),
        ([DIGITS, "batch_size=1000000000"], "error: batch_size=1000000000: must be from 1 to 1000000"),
        ([DIGITS, "block_size=1000000000"], "error: block_size=1000000000: must be from 1 to 1000000"),
        ([DIGITS, "workers=1000000"], "error: workers=1000000: must be auto or from 1 to 1024"),
        ([DIGITS, "workers=0"], "error: workers=0: must be auto or from 1 to 1024"),
        ([DIGITS, "seeds=0-4294967295"], "error: block_size=500: cuts 4,294,967,296 seeds into 8,589,935 blocks, and"),
        ([DIGITS, "model.kind=[a]"], "error: model.kind=['a']: must be one of gaussian_mixture, network"),
        ([DIGITS, "+sampler=edm"], "error: sampler=edm: sampler is chosen twice; leave one out, or a plus sign before"),
        ([DIGITS, "+model=file"], "error: model=file: model is chosen twice; leave one out, or a plus sign before"),
        (["++model=digits"], "error: ++model=digits: a card is chosen with one plus sign or none"),
        ([DIGITS, "sampler=[edm,bdia]"], "error: sampler=[edm,bdia]: must be the name of a card"),
        ([DIGITS, "~sampler=edm"], "error: ~sampler=edm: takes out what is not chosen; leave it out"),
        (
            [DIGITS, "model.sha256=x"],
            "error: model.sha256=x: no card in use says it; add it with a plus sign: +model.s",
        ),
        ([DIGITS, "sampler={edm: 3}"], "error: sampler={edm: 3}: "),
        ([DIGITS, "metric={a: b}"], "error: metric={a: b}: must be of the option's own kind, as --help shows it"),
        ([DIGITS, "sampler.num_steps=range(1,4)"], "error: sampler.num_steps=range(1,4): several values; quote them"),
        ([DIGITS, "sampler.rho=${rho}"], "error: sampler.rho=${rho}: does not resolve: Interpolation key 'rho' not f"),
        ([DIGITS, "model.name=${model.name}"], "error: model.name=${model.name}: does not resolve: Recursive"),
        ([DIGITS, "sampler.rho=${oc.env:NOPE}"], "error: sampler.rho=${oc.env:NOPE}: does not resolve: "),
        ([DIGITS, "=3"], "error: =3: must be an option and its value, NAME=VALUE"),
        ([DIGITS, "digits"], "error: digits: must be an option and its value, NAME=VALUE"),
        ([DIGITS, "seeds="], "error: seeds=: an empty entry is no seed"),
        ([DIGITS, "seeds=9-3"], "error: seeds=9-3: the range 9-3 is reversed"),
        ([DIGITS, "seeds='0-9,5'"], "error: seeds=0-9,5: the entries overlap"),
        ([DIGITS, "seeds=0-9,5"], "error: seeds=0-9,5: several values; quote them"),
        ([DIGITS, "seeds=3"], "error: seeds=3: one image has no statistics"),
        ([DIGITS, "class_idx=10"], "error: class_idx=10: must be from 0 to 9"),
        ([DIGITS, "class_idx=three"], "error: class_idx=three: must be a whole number or null"),
        (["+model=gaussian_mixture", "class_idx=0"], "error: class_idx=0: this network is unconditional"),
        (["+model=gaussian_mixture", "model.components=0"], "error: model.components=0: must be from 1 to 100000"),
        (["+model=gaussian_mixture", "detector=digits"], "error: detector=digits: takes images of shape (1, 8, 8)"),
        (["+model=file"], "error: model.path: missing"),
        (["+model=file", "model.path=no.safetensors"], "error: model.reference: missing; distances need"),
        (["+model=file", "model.path=no.safetensors", "detector=none"], "error: no.safetensors: no such file"),
        ([DIGITS, "model.reference=no.npz"], "error: model.reference=no.npz: no such file"),
        ([DIGITS, "model.reference=null"], "error: model.reference: missing; distances need"),
        (
            [DIGITS, "detector=inception"],
            "error: model.reference=embedded:digits_reference.npz: made with the detector ",
        ),
        ([DIGITS, "batch_size=0"], "error: batch_size=0: must be from 1 to 1000000"),
        ([DIGITS, "block_size=0"], "error: block_size=0: must be from 1 to 1000000"),
        ([DIGITS, "save_images=jpg"], "error: save_images=jpg: must be one of none, npz, png"),
        ([DIGITS, "keep_features=7"], "error: keep_features=7: must be true or false"),
        ([DIGITS, "device=tpu"], "error: device=tpu: must be one of auto, cpu, cuda"),
        ([DIGITS, "sampler.sigma_min=90"], "error: sampler.sigma_min=90, sampler.sigma_max=80: the range is empty"),
        ([DIGITS, "seeds=[1"], "error: "),
        ([DIGITS, "sampler.rho=0.001"], "error: sampler.rho=0.001: must be from 0.1 to 1000"),
        (
            ["+model=gaussian_mixture", "model.seed=99999999999999999999"],
            "error: model.seed=99999999999999999999: must",
        ),
        (
            [*ABLATION, "sampler.discretization=iddpm", "sampler.sigma_min=0.0021", "sampler.sigma_max=0.0022"],
            UNDEFINED,
        ),
        ([*ABLATION, "sampler.discretization=vp", "sampler.schedule=vp", "sampler.sigma_min=79"], "error: sampler.sig"),
        ([*ABLATION, "sampler.discretization=ve", "sampler.sigma_max=0.01"], "error: sampler.sigma_min=0.02, sampler"),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run_here(capsys, "sample", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(message), err
    assert err.count("\n") == 1, err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["+model=LONG"],
        [DIGITS, "LONG=3"],
        [DIGITS, "sampler.LONG=3"],
        [DIGITS, "+LONG=3"],
        [DIGITS, "sampler=LONG"],
        [DIGITS, "sampler.gamma=LONG"],
        [DIGITS, "seeds=LONG"],
        [DIGITS, "class_idx=LONG,b"],
        [DIGITS, "sampler.S_churn=LONG"],
    ],
)
def test_of_what_is_long_the_ends_are_told(words: list[str], capsys: pytest.CaptureFixture) -> None:
    status, _, err = run_here(capsys, "sample", *(word.replace("LONG", "x" * 5000) for word in words))
    assert (status, err.count("\n")) == (2, 1)
    assert 100 < len(err) < 1000


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("[]", "error: grid=[]: must be a list of entries"),
        ("3", "error: grid=3: must be a list of entries"),
        (f"[{{{'x' * 5000}: 1}}]", f"error: grid: the entry {{'{'x' * 198}...{'x' * 195}': 1}} must name its sampler"),
        ("[{gamma: 0.1}]", "error: grid: the entry {'gamma': 0.1} must name its sampler"),
        ("[{sampler: edm, num_steps: []}]", "error: grid: the entry {'sampler': 'edm', 'num_steps': []} must hold"),
        ("[{sampler: edm},{sampler: bdia, gamma: 2}]", "error: sampler.gamma=2.0: must be from 0 to 1"),
        ("[{sampler: edm},{sampler: ode}]", "error: sampler=ode: unknown; there are"),
        (
            "[{sampler: edm, gamma: 1}]",
            "error: sampler.gamma=1: edm has no such option; sampler=bdia takes it",
        ),
    ],
)
def test_mistakes_in_a_grid(
    grid: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run_here(capsys, "compare", DIGITS, f"grid={grid}")
    assert (status, out) == (2, "")
    assert err.startswith(message), err
    assert err.count("\n") == 1, err


@pytest.mark.parametrize("override", ["sampler=edm", "sampler.gamma=0.2"])
def test_a_comparisons_samplers_are_the_grids(override: str, capsys: pytest.CaptureFixture) -> None:
    status, out, err = run_here(capsys, "compare", DIGITS, override)
    assert (status, out) == (2, "")
    assert err == f"error: {override}: in a comparison the grid says the samplers and their options; put it there\n"


@pytest.mark.parametrize("command", ["sample", "compare"])
def test_without_a_model_they_are_listed(command: str, capsys: pytest.CaptureFixture) -> None:
    status, out, err = run_here(capsys, command)
    assert (status, out) == (2, "")
    assert err.startswith("error: no model chosen; add +model=NAME, one of\n")
    for name in ("digits", "gaussian_mixture", "file", "cifar10", "imagenet64_baseline"):
        assert f"\n  {name} " in err


@pytest.mark.parametrize("where", ["file/below", "file", "/proc/here"])
def test_results_that_cannot_be_written(where: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    folder = where if where.startswith("/") else tmp_path / where
    status, out, err = run_here(capsys, "sample", DIGITS, f"results_dir={folder}")
    assert (status, out) == (2, "")
    assert err.startswith(f"error: results_dir={folder}: cannot be written (")
    assert err.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there(capsys: pytest.CaptureFixture) -> None:
    status, out, err = run_here(capsys, "sample", DIGITS, "device=cuda")
    assert (status, out) == (2, "")
    assert err == "error: device=cuda: PyTorch finds no CUDA device here; device=cpu and device=auto work\n"


def test_damaged_files(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    whole = (ASSETS / "digits.safetensors").read_bytes()
    reference = (ASSETS / "digits_reference.npz").read_bytes()
    np.savez(tmp_path / "other.npz", mean=np.zeros(64))
    np.savez(tmp_path / "small.npz", mu=np.zeros(3), sigma=np.eye(3))
    for name, (content, words) in {
        "empty.safetensors": (b"", "it is empty"),
        "cut.safetensors": (whole[: len(whole) // 2], "not a readable safetensors file"),
        "text.safetensors": (b"<!doctype html><html>not here</html>", "it is an HTML page instead of the file"),
    }.items():
        (tmp_path / name).write_bytes(content)
        result = run_here(capsys, "sample", "+model=file", f"model.path={tmp_path / name}", "detector=none")
        assert result.status == 2
        assert result.err.startswith(f"error: {tmp_path / name}: {words}")
        assert result.err.count("\n") == 1
    (tmp_path / "cut.npz").write_bytes(reference[: len(reference) // 2])
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("cut.npz", "empty.npz", "other.npz", "small.npz"):
        result = run_here(capsys, "sample", DIGITS, f"model.reference={tmp_path / name}")
        assert result.status == 2
        assert result.err.startswith(f"error: model.reference={tmp_path / name}: ")
        assert "must be" in result.err
        assert result.err.count("\n") == 1


def test_as_a_user_sees_it(tmp_path: Path) -> None:
    status, out, err = run_apart("sample", DIGITS, "sampler.gamma=2", cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err == "error: sampler.gamma=2.0: must be from 0 to 1\n"
    assert list(tmp_path.iterdir()) == []
