"""Modules that are imported when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch

from bdia_edm.base import late_torch
from bdia_edm.base.late_module import LateModule


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that takes a while, and that nobody has imported."""
    name = "slow_module_of_a_test"
    (tmp_path / f"{name}.py").write_text("import time\nimports = [1]\ntime.sleep(0.2)\nready = object()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield name
    sys.modules.pop(name, None)


def test_naming_imports_nothing(slow: str) -> None:
    late = LateModule(slow)
    assert slow not in sys.modules
    assert late.imports == [1]
    assert sys.modules[slow].ready is late.ready


def test_of_many_who_are_first_each_finds_all_of_it(slow: str) -> None:
    late, together = LateModule(slow), Barrier(8)

    def ask(_: int) -> object:
        together.wait()
        return late.ready

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {sys.modules[slow].ready}


def test_what_is_put_into_the_module_later_is_found(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    late = LateModule(slow)
    assert late.imports == [1]
    monkeypatch.setattr(sys.modules[slow], "imports", [])
    assert late.imports == []


def test_what_is_not_there_is_said_as_python_says_it(slow: str) -> None:
    with pytest.raises(AttributeError, match=f"'{slow}' has no attribute 'nothing'"):
        _ = LateModule(slow).nothing
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        _ = LateModule("no_such_module").nothing


def test_pytorch_is_itself() -> None:
    assert late_torch.torch.Tensor is torch.Tensor
    assert late_torch.dist.PrefixStore is torch.distributed.PrefixStore
    assert isinstance(torch.zeros(1), late_torch.torch.Tensor)
