"""What runs of every kind have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.common_config import AnyConfig, ModelConfig, import_modules, read_parts, require_blocks, section
from bdia_edm.config.composing import compose_values
from bdia_edm.config.inversion_config import InversionConfig
from bdia_edm.config.run_config import RunConfig
from bdia_edm.samplers.registry import make_sampler


def test_a_kind_must_say_what_is_fetched() -> None:
    with pytest.raises(TypeError, match="remote_files"):
        ModelConfig(batch_size=1, model=None, sampler=None, source={})  # type: ignore[abstract,arg-type]
    assert all(issubclass(kind, AnyConfig) for kind in (RunConfig, InversionConfig))


def test_the_parts_are_taken_out() -> None:
    rest = compose_values(["+model=digits", "sampler=obelm"])
    card, sampler = read_parts(rest)
    assert (card.name, sampler.name) == ("digits", "obelm")
    assert not {"model", "sampler"} & set(rest)
    own = make_sampler("edm", {"num_steps": 4})
    assert read_parts(compose_values(["+model=digits"]), own)[1] is own


def test_blocks_that_no_folder_holds_well() -> None:
    require_blocks(100_000, 1, "images")
    with pytest.raises(UserError, match=r"block_size=1: cuts 100,001 images into 100,001 blocks, and 100,000 are"):
        require_blocks(100_001, 1, "images")


def test_sections() -> None:
    values = {"model": {"a": 1}, "rest": 2}
    assert section(values, "model") == {"a": 1}
    assert values == {"rest": 2}
    for missing in ("model", "rest"):
        with pytest.raises(UserError, match=f"{missing}: missing; choose one with {missing}=NAME"):
            section(values, missing)


def test_modules_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine_fails.py").write_text("raise ValueError('no\\nway')\n")
    with pytest.raises(UserError, match="modules=mine_fails: cannot be imported: ValueError: no way"):
        import_modules(["mine_fails"])
    with pytest.raises(UserError, match="modules=mine_is_not_there: no such module"):
        import_modules(["mine_is_not_there"])
