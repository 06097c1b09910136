"""What the commands import on their way: only what they need for what they are asked to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "skimage", "diffusers", "transformers", "torch_fidelity", "torchvision", "sympy"}
DEMO = Path(__file__).parents[1] / "results" / "demo" / "records"
UNDER_HYDRA = ("sample", "compare", "invert", "edit", "generate", "interpolate", "trajectory")
COMPILER = {"torch._dynamo", "torch._inductor", "sympy"}


def imported(module: str, *arguments: str) -> set[str]:
    """The names of all modules that are there when a command has done its work, in a process of its own."""
    lines = f"import sys, atexit, runpy; atexit.register(lambda: print(*sys.modules, sep=chr(10), file=sys.stderr)); \
sys.argv = {[module, *arguments]!r}; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stderr.splitlines())


def test_sampling_does_without_the_compiler(tmp_path: Path) -> None:
    found = imported("bdia_edm.sample", "+model=digits", "seeds=0-63", "sampler.num_steps=2", f"results_dir={tmp_path}")
    assert "torch" in found
    assert found & COMPILER == set()


@pytest.mark.parametrize("command", UNDER_HYDRA)
def test_the_help_of_a_command_under_hydra_does_without_anything_heavy(command: str) -> None:
    """It lists all samplers, metrics and kinds of models; of detectors it knows the cards."""
    found = imported(f"bdia_edm.{command}", "--help")
    assert "bdia_edm.config.help" in found
    assert found & (HEAVY | {"scipy", "matplotlib", "requests", "pooch", "PIL"}) == set()


def test_status_does_without_anything_heavy() -> None:
    found = imported("bdia_edm.status", str(DEMO))
    assert "bdia_edm.status" in found or "bdia_edm.records.record" in found
    assert found & (HEAVY | {"scipy", "matplotlib", "numpy"}) == set()


def test_a_table_needs_no_network(tmp_path: Path) -> None:
    """Its plots need Matplotlib, its intervals quantiles."""
    found = imported("bdia_edm.table", str(DEMO), "--dest", str(tmp_path))
    assert (tmp_path / "table.svg").is_file()
    assert "matplotlib" in found
    assert found & HEAVY == set()


def test_a_table_by_the_commands_name_neither(tmp_path: Path) -> None:
    found = imported("bdia_edm", "table", str(DEMO), "--dest", str(tmp_path))
    assert "bdia_edm.table" in found
    assert found & HEAVY == set()


def test_a_tables_help_draws_nothing() -> None:
    found = imported("bdia_edm.table", "--help")
    assert found & (HEAVY | {"matplotlib"}) == set()


def test_torch_fidelitys_inception_comes_alone() -> None:
    """Its package brings torchvision, and that the compiler; who asks for the package later has it whole."""
    lines = """
import sys
from bdia_edm.detectors.extractors import extractor_module
alone = extractor_module("feature_extractor_inceptionv3")
assert not {"torchvision", "torch._dynamo", "sympy", "torch_fidelity"} & {*sys.modules}
import torch_fidelity
assert torch_fidelity.FeatureExtractorInceptionV3 is alone.FeatureExtractorInceptionV3
assert extractor_module("feature_extractor_inceptionv3") is alone
assert sys.modules["torch_fidelity"] is torch_fidelity
"""
    subprocess.run([sys.executable, "-c", lines], check=True, timeout=300)
