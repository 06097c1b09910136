"""batch_size=auto: measured once, remembered for the device, the model and the precision, and in the record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bdia_edm.api import finish, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.engine.batch_search import Found
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.run import batch_size as module
from bdia_edm.run.batch_size import remembered_batch

# Without a detector and with few steps: what is made does not matter here.
OPTIONS = ("+model=gaussian_mixture", "detector=none", "seeds=0-9", "sampler.num_steps=2")
CPU = torch.device("cpu")


class Measurements:
    def __init__(self) -> None:
        self.num = 0

    def __call__(self, denoiser: object, device: torch.device) -> Found:
        self.num += 1
        return Found(3 + self.num, {1: 0.5, 4: 0.25})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measurements:
    found = Measurements()
    monkeypatch.setattr(module, "fastest_batch", found)
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "cache"))
    return found


def test_measured_once(measured: Measurements) -> None:
    said: list[str] = []
    assert [remembered_batch(GaussianMixture(), "a" * 64, CPU, said.append) for _ in range(3)] == [4, 4, 4]
    assert said == ["batch_size=auto: measuring how many images at once are fastest; it is remembered"]
    # Another network, and another precision.
    assert remembered_batch(GaussianMixture(), "b" * 64, CPU, str) == 5
    assert remembered_batch(GaussianMixture().to(torch.float32), "a" * 64, CPU, str) == 6
    assert remembered_batch(GaussianMixture(), "a" * 64, CPU, str) == 4


def test_what_is_remembered_is_said(measured: Measurements, tmp_path: Path) -> None:
    remembered_batch(GaussianMixture(), "a" * 64, CPU, str)
    (path,) = (tmp_path / "cache" / ".notes").iterdir()
    told = json.loads(path.read_text())
    assert (told["model"], told["batch_size"]) == ("a" * 64, 4)
    assert (told["device"]["type"], told["precision"]["state"]) == ("cpu", "float64")
    assert told["seconds_per_image"] == {"1": 0.5, "4": 0.25}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"batch_size": 0}', '{"batch_size": "many"}', "\xff"])
def test_a_damaged_note_is_made_again(damage: str, measured: Measurements, tmp_path: Path) -> None:
    remembered_batch(GaussianMixture(), "a" * 64, CPU, str)
    (path,) = (tmp_path / "cache" / ".notes").iterdir()
    path.write_text(damage, encoding="latin-1")
    assert remembered_batch(GaussianMixture(), "a" * 64, CPU, str) == 5
    assert json.loads(path.read_text())["batch_size"] == 5


def test_where_nothing_can_be_remembered(measured: Measurements, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert [remembered_batch(GaussianMixture(), "a" * 64, CPU, str) for _ in range(2)] == [4, 5]


def test_the_record_has_the_number_and_the_command_its_word(measured: Measurements, tmp_path: Path) -> None:
    run = prepare(*OPTIONS, "batch_size=auto", f"results_dir={tmp_path}")
    assert run.config.images_at_once == 4
    record = finish(run, str)
    assert (record["batch_size"], record["config"]["batch_size"]) == (4, "auto")
    # It is no part of the identity.
    assert prepare(*OPTIONS, "batch_size=4", f"results_dir={tmp_path}").folder == run.folder


def test_parts_of_a_run_are_still_not_replaced(measured: Measurements, tmp_path: Path) -> None:
    run = prepare(*OPTIONS, "batch_size=auto", f"results_dir={tmp_path}")
    with pytest.raises(UserError, match="a run's parts cannot be replaced"):
        replace(run, denoiser=GaussianMixture())


def test_it_is_measured_where_the_images_are_made(measured: Measurements, tmp_path: Path) -> None:
    """Not in the process that only starts the workers, whose network is elsewhere."""
    run = prepare(*OPTIONS, "batch_size=auto", "workers=2", f"results_dir={tmp_path}")
    assert measured.num == 0
    assert run.config.images_at_once > 0
    assert run.config.source["batch_size"] == "auto"


@pytest.mark.parametrize("given", ["0", "-1", "1000001", "aut", "1.5", "null"])
def test_what_it_takes(given: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^batch_size={given}: must be "):
        prepare(*OPTIONS, f"batch_size={given}", f"results_dir={tmp_path}")
