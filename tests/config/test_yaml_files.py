"""The YAML of cards: what is wrong with a file is one line that names it, at once, and others' Hydra is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hydra._internal.sources_registry import SourcesRegistry

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_config
from bdia_edm.config.conf_folder import conf_folder, model_list
from bdia_edm.config.yaml_files import checked_files, load_yaml
from tests.commands import run_here

CARD = "defaults: [digits, _self_]\n"


def bomb(levels: int, width: int) -> str:
    """A text whose last line stands for width**levels values."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, levels)]
    return CARD + "\n".join(lines) + "\n"


WRONG = {
    "syntax": (b"kind: [\n", ", line 2: expected the node content"),
    "indentation": (b"seeds: 0-9\n name: x\n", ", line 2: mapping values are not allowed here"),
    "tab": (b"a:\n\tb: 1\n", ", line 2: found character '\\t' that cannot start any token"),
    "twice": (b"kind: network\nname: a\nkind: network\n", ", line 3: found duplicate key kind"),
    "twice below": (b"settings:\n  gamma: 1\n  gamma: 2\n", ", line 3: found duplicate key gamma"),
    "latin-1": (CARD.encode() + b"name: caf\xe9\n", ": is not UTF-8 text (line 2 is of another encoding)"),
    "utf-16": ((CARD + "name: x\n").encode("utf-16"), ": is not UTF-8 text (line 1 "),
    "nul": (CARD.encode() + b"name: a\0b\n", ": unacceptable character #x0000"),
    "python tag": (
        CARD.encode() + b"name: !!python/object/apply:os.getcwd []\n",
        ", line 2: the tag tag:yaml.org,2002:p",
    ),
    "path tag": (
        CARD.encode() + b"name: !!python/object/apply:pathlib.Path [a]\n",
        ", line 2: the tag tag:yaml.org,2002:p",
    ),
    "own tag": (CARD.encode() + b"\nname: !mine x\n", ", line 3: the tag !mine: cards hold plain values only"),
    "deep": (CARD.encode() + b"name: " + b"[" * 5000 + b"]" * 5000, ", line 2: over 50 levels of nesting"),
    "deep blocks": ("".join(f"{' ' * n}a:\n" for n in range(900)).encode(), ", line 51: over 50 levels of nesting"),
    "bomb": (bomb(30, 9).encode(), ", line 7: over 20,000 values"),
    "slow bomb": (bomb(60, 2).encode(), ", line 14: over 20,000 values"),
    "of itself": (CARD.encode() + b"name: &a [*a]\n", ", line 2: *a: stands for nothing that is complete before it"),
    "many": (CARD.encode() + b"a: [" + b"1," * 30_000 + b"]\n", ", line 2: over 20,000 values"),
    "large": (b"#" * 1_000_001, ": over 1,000,000 bytes"),
    "digits": (CARD.encode() + b"\na: " + b"9" * 5000, ", line 3: a number of 5,000 characters"),
    "a date": (CARD.encode() + b"name: 2024_01_01\n", ", line 2: 2024_01_01: is a number to YAML; write it in quotes"),
    "zeros": (CARD.encode() + b"name: 007\n", ", line 2: 007: is a number to YAML; write it in quotes"),
    "sixties": (CARD.encode() + b"name: 1:30\n", ", line 2: 1:30: is a number to YAML; write it in quotes"),
    "a name that is none": (CARD.encode() + b"null: 2\n", ": Incompatible key type 'NoneType'"),
    "an open reference": (CARD.encode() + b"name: ${a\n", ": no viable alternative at input"),
    "a list": (b"[1, 2]\n", ": must hold lines such as name: value"),
    "a text": (b"hello\n", ": must hold lines such as name: value"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_one_line(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, message = WRONG[kind]
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "bad.yaml").write_bytes(content)
    with pytest.raises(UserError) as error:
        compose_config(["+model=bad"], tmp_path)
    assert str(error.value).startswith(f"model/bad.yaml{message}")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_wrong_card_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "bad.yaml").write_bytes(WRONG["bomb"][0])
    assert compose_config(["+model=digits"], tmp_path).model.name == "digits"
    models = model_list(tmp_path)
    assert models["bad"].startswith("(cannot be read: ")
    assert set(models) == {"bad", *model_list()}


@pytest.mark.parametrize("name", ["experiment/bad", "sampler/bad", "detector/bad"])
def test_wherever_it_lies(name: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / f"{name}.yaml"
    path.parent.mkdir()
    path.write_text("a: 1\na: 2\n")
    command = "compare" if name.startswith("experiment") else "sample"
    done = run_here(capsys, command, f"--config-dir={tmp_path}", "+model=digits", name.replace("/", "="))
    assert (done.status, done.out) == (2, "")
    assert done.err == f"error: {path}, line 2: found duplicate key a\n"


def test_a_name_stays_as_it_is_written(tmp_path: Path) -> None:
    """In a card as on the command line: not read as a number and written again."""
    (tmp_path / "model").mkdir()
    for name in ("2024", "'1_0'", '"007"', "0", "1-30", "2024-01-01", "_1", "a_1"):
        (tmp_path / "model" / "mine.yaml").write_text(f"{CARD}name: {name}\n")
        assert compose_config(["+model=mine"], tmp_path).model.name == name.strip("'\"")


def test_cards_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name, base in (("a", "b"), ("b", "a")):
        (tmp_path / "model" / f"{name}.yaml").write_text(f"defaults: [{base}]\n")
    with pytest.raises(UserError, match=r"^the defaults lists of the cards lead in a circle"):
        compose_config(["+model=a"], tmp_path)


def test_what_is_right_is_read(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    text = "\ufeffbase: &base {a: 1}\nmore: {<<: *base, b: !!str 2024_01_01}\nlist: [*base, *base, 1e-3, .inf]\n"
    path.write_text(text, encoding="utf-8")
    values = load_yaml(path)
    assert values["more"] == {"a": 1, "b": "2024_01_01"}
    assert values["list"][:3] == [{"a": 1}, {"a": 1}, 1e-3]
    path.write_text("# nothing\n")
    assert load_yaml(path) == {}


def test_every_file_of_ours_is(tmp_path: Path) -> None:
    files = list(conf_folder().rglob("*.yaml"))
    assert len(files) > 20
    assert all(load_yaml(path) for path in files)


def test_hydra_is_as_it_was() -> None:
    compose_config(["+model=digits"])
    before = SourcesRegistry.instance().types["file"]
    with checked_files():
        assert SourcesRegistry.instance().types["file"] is not before
    with pytest.raises(UserError):
        compose_config(["+model=nope"])
    assert SourcesRegistry.instance().types["file"] is before


def test_a_fifo_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "card.yaml")
    with pytest.raises(UserError, match=r"card\.yaml: no regular file"):
        load_yaml(tmp_path / "card.yaml")
