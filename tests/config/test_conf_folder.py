"""Where conf/ lies, and the models in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdia_edm.checkpoints.downloads import cached_path
from bdia_edm.config.conf_folder import PACKAGE, conf_folder, model_list
from bdia_edm.config.yaml_files import load_yaml


def test_conf_is_beside_the_package_here() -> None:
    assert conf_folder() == PACKAGE.parent / "conf"


def test_models_of_ones_own_are_listed_with_ours() -> None:
    own = model_list(Path(__file__).parents[1] / "toys" / "conf")
    assert set(own) - set(model_list()) == {"grey"}
    assert own["grey"] == "images of one grey"


def test_a_networks_size_is_told_where_its_file_is_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path))
    listed = model_list()
    assert "; 4.2 MB on this disk; licence Apache-2.0" in listed["digits"]
    assert "on this disk" not in listed["cifar10"]
    cached = cached_path(str(load_yaml(conf_folder() / "model" / "cifar10.yaml")["path"]))
    cached.parent.mkdir(parents=True)
    cached.write_bytes(bytes(2_500))
    assert "; 2.5 kB on this disk; FID 1.79" in model_list()["cifar10"]
