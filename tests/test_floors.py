"""The house: every room stands on a floor, and imports only from its own room and from floors below it.

An import counts wherever it stands: in a function, or for types alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bdia_edm"
COMMANDS = {"sample", "compare", "invert", "interpolate", "edit", "generate", "fid", "checkpoint", "table", "status"}
COMMANDS |= {"trajectory"}
TOP = 9
FLOORS = {
    "base": 0,
    "assets": 0,
    "models": 1,
    "records": 1,
    "checkpoints": 2,
    "metrics": 3,
    "detectors": 3,
    "images": 3,
    "samplers": 3,
    "engine": 4,
    "report": 4,
    "trackers": 4,
    "workers": 5,
    "config": 6,
    "run": 7,
    "text_to_image": 8,
}
WITHOUT_TORCH = ("base", "records", "report", "trackers")
LATE = "bdia_edm.base.late_torch"
"""Brings PyTorch to those who use it, and so counts as it: none of these rooms may."""

Imports = dict[str, set[str]]


def read_imports(package: Path) -> Imports:
    """What each module of the package imports, by full names: modules of the package, and others' packages."""
    files = {_name(path, package): path for path in package.rglob("*.py")}
    return {name: set(_imports(path, name, files)) - {name} for name, path in files.items()}


def _name(path: Path, package: Path) -> str:
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, name: str, known: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: -node.level + (path.stem == "__init__") or None] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            # 'from a import b' is of the module a.b where there is one.
            found = [full if (full := f"{module}.{alias.name}") in known else module for alias in node.names]
        else:
            continue
        own = name.partition(".")[0]
        yield from (each if each.partition(".")[0] == own else each.partition(".")[0] for each in found)


def room(module: str) -> str:
    """The folder that the module lies in; '' for those on the top of the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 or (len(parts) == 2 and parts[1] in FLOORS) else ""


def upward(imports: Imports) -> list[str]:
    """Every import that goes up, or to another room of the same floor."""
    own = next(iter(imports)).partition(".")[0]
    return sorted(
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if other.partition(".")[0] == own
        and room(other) != room(module)
        and FLOORS.get(room(other), TOP) >= FLOORS.get(room(module), TOP)
    )


def circles(imports: Imports) -> list[str]:
    """The modules that import themselves by way of others, and those only that lie on such a way."""
    return sorted(module for module in imports if module in reached(module, imports))


def reached(module: str, imports: Imports) -> set[str]:
    """All that importing the module may import."""
    found: set[str] = set()
    ahead = list(imports[module])
    while ahead:
        other = ahead.pop()
        if other not in found:
            found.add(other)
            ahead += imports.get(other, ())
    return found


IMPORTS = read_imports(PACKAGE)


def test_imports_go_down() -> None:
    assert upward(IMPORTS) == []


def test_there_is_no_circle() -> None:
    assert circles(IMPORTS) == []


def test_every_room_has_a_floor() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/*.py")} <= FLOORS.keys()


def test_the_top_is_for_commands() -> None:
    found = {path.stem for path in PACKAGE.glob("*.py")}
    assert found <= COMMANDS | {"api", "__init__", "__main__"}


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_rooms_without_torch(name: str) -> None:
    members = [module for module in IMPORTS if room(module) == name]
    assert members
    assert [module for module in members if "torch" in reached(module, IMPORTS) and module != LATE] == []
    assert "torch" in IMPORTS[LATE]


def test_what_only_the_extra_brings_stays_in_its_room() -> None:
    brought = {"diffusers", "transformers", "accelerate"}
    found = {room(module) for module, others in IMPORTS.items() if others & brought}
    assert found == {"text_to_image"}


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """A house of this kind with every fault."""
    package = tmp_path / "house"
    sources = {
        "__init__": "",
        "sample": "import house.run.run\nfrom house import fid",
        "fid": "from house.run.run import deed",
        "run/__init__": "",
        "run/run": "def deed():\n    from house import sample",
        "engine/__init__": "",
        "engine/plan": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.report import plots",
        "report/__init__": "",
        "report/plots": "from . import tables",
        "report/tables": "from ..metrics.metric import Metric",
        "metrics/__init__": "",
        "metrics/metric": "import torch.nn",
    }
    for name, source in sources.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(source)
    imports = read_imports(package)
    assert imports["house.report.plots"] == {"house.report.tables"}
    assert imports["house.report.tables"] == {"house.metrics.metric"}
    assert upward(imports) == [
        "house.engine.plan imports house.report.plots",
        "house.run.run imports house.sample",
    ]
    assert circles(imports) == ["house.fid", "house.run.run", "house.sample"]
    assert "torch" in reached("house.report.plots", imports)
    assert "torch" not in reached("house.sample", imports)
