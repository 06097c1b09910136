"""The command line of many prompts as Hydra reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bdia_edm.config.overrides import override

__all__ = ["generation_words"]


def generation_words(words: Sequence[str]) -> list[str]:
    """sampler=NAME, to Hydra a card of conf/sampler, as sampler.name=NAME; commas in a negative prompt are its own."""
    return [_prompt_as_typed(re.sub(r"^\+*sampler=", "sampler.name=", word)) for word in words]


def _prompt_as_typed(word: str) -> str:
    name, equals, text = word.partition("=")
    in_quotes = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return override(name, text) if name == "negative_prompt" and equals and not in_quotes else word
