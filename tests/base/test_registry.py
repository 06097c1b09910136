"""Things found by name, in a package of toys."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.registry import Registry

REGISTRY = "from bdia_edm.base.registry import Registry\nTOYS = Registry('toy', 'toys')\n"
TOY = "from toys.registry import TOYS\n@TOYS.add({name!r})\nclass {kind}:\n    value = {value}\n"


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with a registry, a ball in one module and a doll in another."""
    folder = tmp_path / "toys"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "registry.py").write_text(REGISTRY)
    (folder / "ball.py").write_text(TOY.format(name="ball", kind="Ball", value=1))
    (folder / "doll.py").write_text(TOY.format(name="doll", kind="Doll", value=2))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "toys"]:
        del sys.modules[name]


def registry() -> Registry[type]:
    found: Registry[type] = importlib.import_module("toys.registry").TOYS
    return found


def test_a_member_is_found_because_its_module_lies_there(toys: Path) -> None:
    found = registry()
    assert "toys.ball" not in sys.modules
    assert found.names() == ["ball", "doll"]
    assert found["ball"] is sys.modules["toys.ball"].Ball
    assert "doll" in found
    assert "train" not in found


def test_an_unknown_name_names_those_that_there_are(toys: Path) -> None:
    with pytest.raises(UserError) as error:
        registry()["train"]
    assert str(error.value) == "toy=train: must be one of ball, doll"


def test_two_of_one_name_are_refused(toys: Path) -> None:
    (toys / "second_ball.py").write_text(TOY.format(name="ball", kind="SecondBall", value=3))
    with pytest.raises(UserError, match=r"^toy=ball: .* must have another name, toys\.ball\.Ball has this one$"):
        registry().names()


def test_a_module_loaded_anew_replaces_its_own(toys: Path) -> None:
    found = registry()
    before = found["ball"]
    (toys / "ball.py").write_text(TOY.format(name="ball", kind="Ball", value=10))
    importlib.reload(sys.modules["toys.ball"])
    assert found["ball"] is not before
    assert found["ball"].value == 10
    assert found.names() == ["ball", "doll"]


def test_one_of_the_user_s_own_is_found_beside_them(toys: Path) -> None:
    found = registry()

    @found.add("kite")
    class Kite:
        pass

    assert found.names() == ["ball", "doll", "kite"]
    assert found["kite"] is Kite


def test_a_module_that_fails_fails_again(toys: Path) -> None:
    (toys / "broken.py").write_text("raise ImportError('no wheels')\n")
    found = registry()
    for _ in range(2):
        with pytest.raises(ImportError, match="no wheels"):
            found.names()


def test_members_must_fit() -> None:
    registry: Registry[int] = Registry("size", "bdia_edm.base", lambda name, member: member > 0, "above 0")
    assert registry.add("one")(1) == 1
    with pytest.raises(UserError, match=r"^size=none: .* must be above 0$"):
        registry.add("none")(0)
    assert "none" not in registry
