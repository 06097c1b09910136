"""Where conf/ lies, and the models in it."""

from __future__ import annotations

from pathlib import Path

from bdia_edm.config.conf_folder import PACKAGE, conf_folder, model_list


def test_conf_is_beside_the_package_here() -> None:
    assert conf_folder() == PACKAGE.parent / "conf"


def test_models_of_ones_own_are_listed_with_ours() -> None:
    own = model_list(Path(__file__).parents[1] / "toys" / "conf")
    assert set(own) - set(model_list()) == {"grey"}
    assert own["grey"] == "images of one grey"
