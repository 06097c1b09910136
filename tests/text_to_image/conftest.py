"""The tests of this folder: without the extra all but one are left out; the networks are asked without gradients."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
import torch

if not all(find_spec(name) for name in ("diffusers", "transformers", "accelerate")):
    collect_ignore_glob = ["test_[!w]*", "edits/*", "generating/*"]


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield
