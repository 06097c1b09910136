"""Values that take others' are bounded before they are resolved."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.interpolations import check_growth
from tests.commands import run_here


def doubled(form: str, first: Any = "x", lines: int = 40) -> dict[str, Any]:
    """a0 and as many values as there are lines, each of which takes the one before it as ``form`` says."""
    return {"a0": first, **{f"a{line}": form.replace("NAME", f"a{line - 1}") for line in range(1, lines)}}


BOMBS = {
    "texts": doubled("${NAME}${NAME}"),
    "relative": {"card": doubled("${.NAME} ${..card.NAME}")},
    "in brackets": {"card": doubled("${card[NAME]} ${card[NAME]}")},
    "resolvers": doubled("${oc.select:NAME,${NAME}}"),
    "lists": {"a0": [1], **{f"a{line}": [f"${{a{line - 1}}}"] * 9 for line in range(1, 12)}},
    "mappings": {
        "a0": {"b": 1},
        **{f"a{line}": {"b": f"${{a{line - 1}}}", "c": f"${{a{line - 1}}}"} for line in range(1, 40)},
    },
    "long texts": doubled("${NAME}${NAME}", "x" * 500_000, 12),
    "a long way": doubled("${NAME}", lines=900),
    "names of names": {"n": "a", "a": 1, "b": "${${n}}", "c": "${x.${n}}"},
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_at_once(kind: str) -> None:
    start = time.perf_counter()
    with pytest.raises(
        UserError, match=r"^[\w.]+: (stands for over 20,000 values|takes a value that|takes a value by)"
    ):
        check_growth(BOMBS[kind])
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    "values",
    [
        {"a": "${b}", "b": "${a}"},
        {"a": {"b": "${a}"}},
        {"a": "${nowhere.at.all}"},
        {"a": "${....b}"},
        {"a": [1, 2], "b": "${a[1]} ${a[7]} ${a.x}"},
        doubled("${NAME}${NAME}", lines=8),
        {"seeds": "${oc.select:a.b,${oc.select:c,3}}", "many": list(range(10_000))},
    ],
)
def test_what_is_no_bomb_is_let_through(values: dict[str, Any]) -> None:
    """What is wrong with it is told by who resolves it."""
    check_growth(values)


def test_as_a_card(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    text = "".join(f"{name}: '{value}'\n" for name, value in doubled("${model.NAME}${model.NAME}").items())
    (tmp_path / "conf" / "model" / "bomb.yaml").write_text(f"defaults: [digits, _self_]\n{text}")
    for command in ("sample", "compare"):
        done = run_here(capsys, command, "--config-dir=conf", "+model=bomb")
        assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
        assert re.match(r"error: conf/model/bomb\.yaml: model\.a1\d: stands for over 20,000 values$", done.err), (
            done.err
        )
