"""A sampler, a metric, a detector and a kind of model of the user's own: one module each, no edit of the package."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from bdia_edm.api import Metric, Sampler, UserError, finish, make_sampler, prepare
from bdia_edm.config.grid_points import grid_overrides
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.metric import FeatureSpace
from bdia_edm.metrics.reference import Reference
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


def code_blocks(page: Path, language: str) -> list[str]:
    return [block.partition("```")[0] for block in page.read_text().split(f"```{language}\n")[1:]]


def test_the_pages_experiment() -> None:
    _, text, _ = code_blocks(ROOT / "conf" / "README.md", "yaml")
    assert len(grid_overrides(OmegaConf.to_container(OmegaConf.create(text))["grid"], {"edm"})) == 5


def test_the_pages_example(tmp_path: Path) -> None:
    """conf/README.md: the module, the sampler's card, the detector's, and a model's of a few lines."""
    model, _, card = code_blocks(ROOT / "conf" / "README.md", "yaml")
    (module,) = code_blocks(ROOT / "conf" / "README.md", "python")
    (tmp_path / "my_parts.py").write_text(module)
    for name, text in {"sampler/half": card, "model/mine": model, "detector/brightness": "name: brightness\n"}.items():
        (tmp_path / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / f"{name}.yaml").write_text(text)
    options = ("modules=[my_parts]", "sampler=half", "detector=brightness", "metric=[frechet,spread]", *MIXTURE)
    done = run_apart("sample", *options, "--config-dir=conf", cwd=tmp_path)
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert (record["sampler"]["share"], record["labels"]["sampler"]) == (0.5, "half")
    assert set(record["metrics"]) == {"fd_brightness", "spread_brightness"}
    mine = run_apart("sample", "--config-dir", "conf", "+model=mine", "seeds=0-9", "sampler=edm", cwd=tmp_path)
    assert mine.status == 0, mine.err
    assert (json.loads(mine.out)["model"], json.loads(mine.out)["nfe"]) == ("mine", 23)


class Scaled(Metric):
    """A metric with a parameter."""

    name = "scaled"
    needs = frozenset({"features"})

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        return {"scaled": self.factor * float(findings.features.mean())}


class Broken(Scaled):
    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        return self.factor  # type: ignore[return-value]


def test_a_metrics_parameters_are_in_the_identity(tmp_path: Path) -> None:
    options = (*MIXTURE, f"results_dir={tmp_path}")
    three, five = prepare(*options, metrics=[Scaled(3)]), prepare(*options, metrics=[Scaled(5)])
    assert len({three.folder, five.folder, prepare(*options).folder, prepare(*options, metrics=[]).folder}) == 4
    figures = [finish(run, str)["metrics"]["scaled"] for run in (three, five)]
    assert figures[1] == pytest.approx(figures[0] * 5 / 3)
    record = finish(three, str)
    assert record["config"]["metric"] == ["scaled"]
    assert record["command"].endswith("  # with the caller's own metrics")


def test_what_objects_lack_is_said_before_the_first_image(tmp_path: Path) -> None:
    options = (*MIXTURE, f"results_dir={tmp_path}")
    for own, message in [
        ({"metrics": Scaled(1)}, "metrics: must be a list of metrics, not Scaled"),
        ({"metrics": [Scaled]}, "metrics: must be an object, a Metric; <class "),
        (
            {"metrics": [object()]},
            "metrics: object has no name, needs, compute; it must be derived from bdia_edm.api.Me",
        ),
        ({"detector": object()}, "detector: object has no name, num_features, "),
        ({"denoiser": object()}, "denoiser: object has no img_resolution, "),
        ({"sampler": "edm"}, "sampler: must be a Sampler, from make_sampler or of a class derived from it, not 'edm'"),
    ]:
        with pytest.raises(UserError) as error:
            prepare(*options, **own)  # type: ignore[arg-type]
        assert str(error.value).startswith(message)
    with pytest.raises(UserError, match=r"^sampler.num_steps=4: an object was given in its place; leave one of them"):
        prepare(*options, "sampler.num_steps=4", sampler=make_sampler("edm", {"num_steps": 5}))
    with pytest.raises(UserError, match=r"^metric=scaled: gives no figures: AttributeError: 'int' object has no attr"):
        finish(prepare(*options, metrics=[Broken(1)]), str)


API = "from bdia_edm.api import *\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_thing", "modules=mine: cannot be imported: ModuleNotFoundError: No module named 'no_such"),
        ("1 +", "modules=mine: cannot be imported: SyntaxError: "),
        (
            f"{API}@METRICS.add('frechet')\nclass M(Metric):\n  name, needs = 'frechet', ()",
            "metric=frechet: mine.M must",
        ),
        (f"{API}@SAMPLERS.add('mine')\nclass S: pass", "sampler=mine: mine.S must be a dataclass derived from"),
        (f"{API}@DETECTORS.add('m')\nclass D(Detector): name = 'm'", "detector=m: mine.D must be a class derived from"),
    ],
)
def test_broken_modules_are_one_line(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "mine.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    for more in (["+model=digits"], ["--help"]):
        status, out, err = run_here(capsys, "sample", "modules=[mine]", *more)
        assert (status, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1
    sys.modules.pop("mine", None)
