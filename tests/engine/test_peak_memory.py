"""The most memory that a piece of work took."""

from __future__ import annotations

import torch

from bdia_edm.engine.peak_memory import peak_memory

_SIZE = 200 * 2**20


def test_what_was_given_back_is_in_the_peak() -> None:
    with peak_memory(torch.device("cpu")) as first:
        block = torch.ones(_SIZE // 8, dtype=torch.float64)
        del block
    assert first.bytes > 0.9 * _SIZE
    # The peak of what came before is none of what comes after.
    with peak_memory(torch.device("cpu")) as second:
        torch.ones(10)
    assert second.bytes < 0.5 * _SIZE
