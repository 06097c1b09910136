"""Options as Hydra's text."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_values
from bdia_edm.config.overrides import check_sweep, differences, names_as_typed, override, swept_together
from tests.commands import run_here

TEXTS = [
    "a",
    "1_0",
    "1e5",
    "a,b",
    "it's",
    "back\\",
    "a\\'b",
    "x y",
    "",
    "ü=#&",
    "null",
    "true",
    "[a]",
    "${x}",
    "a\\${b}",
]
VALUES: list[Any] = [*TEXTS, "(", " a ", "two\nlines", None, True, 1, 1e-7, math.inf, [None, 40], [[1, "a,b"]]]


@pytest.mark.parametrize("value", [*VALUES, {"k": "v w"}], ids=repr)
def test_a_value_is_read_back_as_it_is(value: Any) -> None:
    got = compose_values(["+model=digits", override("+mine", value)])["mine"]
    assert (type(got), got) == (type(value), value)


def test_differences_make_one_config_of_another() -> None:
    options = ["seeds=[0,1,7]", "model.settings.gamma=0.2", "+new.a.b=[null]", "metric=[]"]
    wanted = compose_values(["+model=digits", *options])
    got = compose_values(["+model=digits"])
    found = list(differences(wanted, got))
    assert set(found) >= set(options)
    assert compose_values(["+model=digits", *found]) == wanted
    assert list(differences(got, got)) == []


@pytest.mark.parametrize("text", ["2024_01_01", "1_0", "1e5", "true", "007", "1.0", "inf", "plain"])
def test_a_name_stays_as_typed(text: str) -> None:
    values = compose_values(["+model=digits", f"results_dir={text}", f"model.name={text}", f"model.reference={text}"])
    assert (values["results_dir"], values["model"]["name"], values["model"]["reference"]) == (text,) * 3


def test_each_name_of_a_sweep_stays_as_typed() -> None:
    words = [
        "results_dir=2024_01_01,b",
        "+model.name=1_0",
        "model.reference=null",
        "sampler.rho=1_0",
        "-m",
        "results_dir",
    ]
    assert names_as_typed(words) == ["results_dir='2024_01_01',b", "+model.name='1_0'", *words[2:]]


def test_a_name_like_a_number_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("+model=digits", "seeds=0-1", "detector=none", "sampler.num_steps=2", "model.name=1_0")
    done = run_here(capsys, "sample", *options, "results_dir=2024_01_01")
    assert done.status == 0, done.err
    assert [path.parent.name for path in tmp_path.glob("*/1_0-bdia-2steps-*")] == ["2024_01_01"]


@pytest.mark.parametrize(
    "text", ["a=b", "a#b", "a&b;c", "é", "it's (1)", "{x", "http://h/?a=1&b=2", "back\\ a=b\\", "a|b*?"]
)
def test_texts_need_no_quotes(text: str) -> None:
    """What Hydra cannot read is meant as it is, where an option is a text."""
    assert compose_values(["+model=digits", f"model.name={text}"])["model"]["name"] == text


@pytest.mark.parametrize("value", ["a=b", "a#b", "é", "{x", "'x", "~/x", "a;b", "x(", "[[" * 2000])
def test_what_cannot_be_read_is_told_with_its_quotes(value: str) -> None:
    """Pasting what the message says into a shell gives that value."""
    with pytest.raises(UserError) as error:
        compose_values(["+model=digits", f"+mine={value}"])
    message = str(error.value)
    assert message.startswith(f"+mine={value[:40]}")
    assert "\n" not in message
    assert len(message) < 500
    if len(value) < 100:
        (word,) = shlex.split(message.partition("within the shell's: ")[2])
        assert compose_values(["+model=digits", word])["mine"] == value


@pytest.mark.parametrize("word", ["model=3", "+model=null", "sampler=true", "detector=1.5"])
def test_a_choice_is_a_name(word: str) -> None:
    with pytest.raises(UserError, match=r"must be the name of a card"):
        compose_values([word])


def test_a_home_folder_that_the_shell_left_is_refused() -> None:
    with pytest.raises(UserError, match=r"^results_dir=~/x: cannot be read as it is"):
        compose_values(["+model=digits", "results_dir=~/x"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sampler.gamma=range(0,1,1e-6)"], "-m: a sweep of 1,000,000 points; must be from 1 to 10,000"),
        (["sampler.gamma=shuffle(range(0,1,1e-9))"], "-m: a sweep of 1,000,000,000 points; must be from 1 to 10,000"),
        (["sampler.num_steps=range(2,202)", "sampler.rho=range(0,100)"], "-m: a sweep of 20,000 points; must be from"),
        (["sampler.gamma=range(0,1,0.0)"], "-m: a sweep of inf points; must be"),
        (["sampler.num_steps=range(5,5)"], "-m: a sweep of 0 points; must be"),
        (["sampler.gamma=glob(*)"], "sampler.gamma=glob(*): glob is for the names of cards"),
    ],
)
def test_a_sweep_that_would_not_end_or_not_begin(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        check_sweep([*words, "+model=digits"])
    check_sweep(["+model=a,b", "sampler=glob(*)", "sampler.num_steps=range(2,1002)", "results_dir=x"])


def test_options_are_swept_with_the_group_that_they_are_of() -> None:
    assert swept_together(["+model=a,b", "detector=none", "model.name='a,b'", "seeds=0-9", "sampler.gamma=1,2"]) == [
        "+model=a,b",
        "detector=choice(none)",
        "model.name=choice('a,b')",
        "seeds=0-9",
        "sampler.gamma=1,2",
    ]
    alone = ["+model=a", "detector=none", "sampler.gamma=1,2"]
    assert swept_together(alone) == alone
    assert swept_together(["+model=a,b", "~model.settings.edm"])[1] == "~model.settings.edm"
