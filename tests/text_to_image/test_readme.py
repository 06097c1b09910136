"""The page's example for diffusers' pipelines runs, on the tiny one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.text_to_image.pipelines import pipeline, with_scheduler

PAGE = Path(__file__).parents[2] / "bdia_edm" / "README.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = (part.split("```")[0] for part in PAGE.read_text().split("```py\n")[1:])
    base = pipeline(torch.float32)
    names: dict[str, Any] = {"pipe": with_scheduler(base, base.scheduler)}
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(PAGE), "exec"), names)
    assert names["pipe"].scheduler.config.gamma == 0.5
    assert names["dog"].shape == names["inverted"].picture.shape
