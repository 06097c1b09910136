"""Words of generate's command line, as Hydra reads them."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from bdia_edm.config.generation_words import generation_words


@pytest.mark.parametrize("text", ["ugly, blurry", 'a (very) "bad" cat\'s', "10", "null", "", "ünsharp"])
def test_a_negative_prompt_is_its_text(text: str) -> None:
    (word,) = generation_words([f"negative_prompt={text}"])
    assert OverridesParser.create().parse_override(word).value() == text
    # What is written so already is left.
    (quoted,) = generation_words([f"negative_prompt={word.partition('=')[2]}"])
    assert OverridesParser.create().parse_override(quoted).value() == text


def test_others_are_left_but_for_the_sampler() -> None:
    words = ["-m", "sampler=ddim,bdia", "+sampler=edict", "gamma=0.5", "prompts=a,b.txt"]
    assert generation_words(words) == ["-m", "sampler.name=ddim,bdia", "sampler.name=edict", *words[3:]]
