"""A sampler, a metric, a detector and a kind of model of the user's own: one module each, no edit of the package."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from bdia_edm.api import Sampler, finish, prepare
from tests.commands import run_apart, run_here

ROOT = Path(__file__).parents[1]
MODULES = "modules=[tests.toys.toy_sampler,tests.toys.toy_metric,tests.toys.toy_detector,tests.toys.toy_model]"
MIXTURE = ("+model=gaussian_mixture", "model.reference_samples=100", "seeds=0-19", "block_size=10")
TOY = ("sampler=toy", "sampler.num_steps=3", "detector=toy", "metric=[frechet,toy]")


@pytest.mark.parametrize("workers", [1, 2])
def test_on_the_command_line(workers: int, toys: Path, tmp_path: Path) -> None:
    """In the record, the table and the command that makes it again; other processes find the modules too."""
    options = (f"--config-dir={toys}", MODULES, *MIXTURE, *TOY, f"results_dir={tmp_path}")
    done = run_apart("sample", *options, f"workers={workers}", cwd=ROOT)
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert record["sampler"]["name"] == "toy"
    assert record["labels"]["columns"] == {"share": 0.9}
    assert set(record["metrics"]) == {"fd_toy", "toy_largest"}
    assert {"source of sampler", "source of detector", "source of metric toy"} <= set(record["checksums"])
    again = run_apart("sample", *shlex.split(record["command"])[3:], cwd=ROOT)
    assert again.err.startswith("done before: ")
    table = run_apart("table", str(tmp_path)).out
    assert "| sampler | share | steps | NFE | fd_toy | toy_largest |" in table
    assert "| toy | 0.9 | 3 | 3 |" in table


def test_a_kind_of_model(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "sample", f"--config-dir={toys}", MODULES, "+model=grey", f"results_dir={tmp_path}")
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert (record["model"], record["num_images"], record["checksums"]["model"]) == ("grey", 10, "grey 0.5")
    assert "source of denoiser" in record["checksums"]


def test_an_experiment_of_ones_own(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = ("+model=gaussian_mixture", "experiment=toy", "detector=none", f"results_dir={tmp_path}")
    done = run_here(capsys, "compare", f"--config-dir={toys}", *options)
    assert done.status == 0, done.err
    assert "30 images (seeds 0-29)" in done.out
    assert len(list(tmp_path.glob("*/record.json"))) == 2


def test_edited_source_is_another_run(toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "tests" / "toys" / "toy_sampler.py").read_text()
    monkeypatch.syspath_prepend(str(tmp_path))
    folders = set()
    for name, source in (("one", text), ("two", text.replace("self.share *", "self.share**2 *"))):
        (tmp_path / f"{name}.py").write_text(
            source.replace('add("toy")', f'add("{name}")').replace('"toy"', f'"{name}"')
        )
        (tmp_path / "conf" / "sampler").mkdir(parents=True, exist_ok=True)
        card = (toys / "sampler" / "toy.yaml").read_text().replace("toy", name)
        (tmp_path / "conf" / "sampler" / f"{name}.yaml").write_text(card)
        options = (*MIXTURE, f"modules=[{name}]", f"sampler={name}", f"results_dir={tmp_path}")
        run = prepare(*options, config_dir=tmp_path / "conf")
        folders.add(run.checksums["source of sampler"])
    assert len(folders) == 2


def test_objects(toys: Path, tmp_path: Path) -> None:
    from tests.toys.toy_detector import ToyDetector
    from tests.toys.toy_metric import ToyMetric
    from tests.toys.toy_sampler import ToySampler

    sampler: Sampler = ToySampler(num_steps=3, share=0.5)
    metrics = [ToyMetric()]
    options = (*MIXTURE, f"results_dir={tmp_path}")
    run = prepare(*options, sampler=sampler, detector=ToyDetector(), metrics=metrics)
    record = finish(run, lambda line: None)
    assert (record["sampler"]["share"], list(record["metrics"])) == (0.5, ["toy_largest"])
