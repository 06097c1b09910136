"""The Python API, as the README shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from bdia_edm import api


def test_everything_named_is_there() -> None:
    assert all(hasattr(api, name) for name in api.__all__)


def test_prepare_and_finish(tmp_path: Path) -> None:
    run = api.prepare("+model=digits", "sampler.num_steps=3", "seeds=0-9", f"results_dir={tmp_path}")
    images, labels, nfe = api.sample_images(run.denoiser, run.config.sampler, seeds=range(4))
    assert images.shape == (4, 1, 8, 8)
    assert (len(labels), nfe) == (4, 5)
    assert api.finish(run, lambda line: None)["nfe"] == 5
    # Hydra's global state is not left behind.
    assert not GlobalHydra.instance().is_initialized()
    with pytest.raises(api.UserError, match="gamma"):
        api.prepare("+model=digits", "sampler.gamma=7", f"results_dir={tmp_path}")


def test_the_readmes_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "bdia_edm/README.md"
    text = (Path(__file__).parent.parent / page).read_text()
    blocks = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    assert len(blocks) == 2
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, page, "exec"), {})
