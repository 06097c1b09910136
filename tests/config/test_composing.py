"""Composing a config: within other programs, and what is said of mistakes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.version import getbase

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import compose_values, explain, shell_command

TOYS = Path(__file__).parents[1] / "toys" / "conf"
PROGRAM = """
import hydra
from hydra.core.global_hydra import GlobalHydra
from bdia_edm.api import finish, prepare

@hydra.main(config_path=None, **({"version_base": "1.2"} if hydra.__version__ < "1.4" else {}))
def main(config):
    loader = GlobalHydra.instance().config_loader()
    run = prepare("+model=gaussian_mixture", "seeds=0-9", "sampler.num_steps=3", "model.reference_samples=100")
    print(finish(run, lambda line: None)["nfe"], config.mine, GlobalHydra.instance().config_loader() is loader)

main()
"""


def test_within_a_program_that_is_a_hydra_command(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    line = [sys.executable, "program.py", "+mine=7", "hydra.run.dir=.", "hydra.output_subdir=null"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (0, "5 7 True\n"), done.stderr


def test_in_threads() -> None:
    """Each gets its own; Hydra's global state is as it was."""
    found: dict[int, int] = {}

    def compose(steps: int) -> None:
        for _ in range(5):
            found[steps] = compose_values(["+model=digits", f"sampler.num_steps={steps}"])["sampler"]["num_steps"]

    threads = [threading.Thread(target=compose, args=[steps]) for steps in range(3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {steps: steps for steps in range(3, 7)}
    assert not GlobalHydra.instance().is_initialized()


def test_hydras_state_is_put_back_after_an_error_too() -> None:
    before = getbase()
    with pytest.raises(UserError):
        compose_values(["+model=digits", "sampler.gama=1"])
    assert not GlobalHydra.instance().is_initialized()
    assert getbase() == before


def test_cards_of_ones_own() -> None:
    values = compose_values(["+model=grey", "sampler=toy"], TOYS)
    assert (values["model"]["kind"], values["sampler"]["share"], values["detector"]["name"]) == ("grey", 0.9, "none")
    with pytest.raises(UserError, match=r"^model=grey: unknown; there are afhqv2, "):
        compose_values(["+model=grey"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("sampler.gama=0.1", "sampler.gama=0.1: unknown option; --help lists those there are"),
        ("sampler.gama=[a, b c]", "sampler.gama=[a, b c]: unknown option; --help lists those there are"),
        (
            "sampler.S_churn=1",
            "sampler.S_churn=1: bdia has no such option; sampler=ablation or sampler=edm",
        ),
        ("sampler=nope", "sampler=nope: unknown; there are ab, ablation, bdia, deis, dpm, "),
        ("model.reference", "model.reference: must be an option and its value, NAME=VALUE"),
    ],
)
def test_mistakes(option: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        compose_values(["+model=digits", option])
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_slurm_without_its_plugin() -> None:
    """Hydra's words where hydra-submitit-launcher is not installed."""
    missing = HydraException("In 'hydra/launcher/slurm': Could not find 'hydra/launcher/submitit_slurm'\n\nAvailable:")
    assert explain(missing) == (
        "hydra/launcher=slurm: needs hydra-submitit-launcher; install it with pip install '.[cluster]'"
    )


def test_the_command_can_be_pasted() -> None:
    line = shell_command(["+model=digits", "seeds='0-9,20'", "model.path=a b"])
    assert line == """python -m bdia_edm.sample +model=digits 'seeds='"'"'0-9,20'"'"'' 'model.path=a b'"""
    assert shell_command(["+model=grey"], "my conf") == "python -m bdia_edm.sample '--config-dir=my conf' +model=grey"
