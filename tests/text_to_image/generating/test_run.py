"""A run of many prompts as data: what identifies it, and what is wrong in one line before the first evaluation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.generating.run import prepare_generation
from tests.text_to_image.generating.given import PROMPTS, config_of, run_of

LONG = "a very long prompt of words " * 20


def test_seeds_are_one_for_each_prompt_and_sizes_the_networks_own(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    assert (list(run.seeds), run.prompts, run.size, run.latent_shape) == ([0, 1, 2], PROMPTS, (16, 16), (4, 8, 8))
    wide = run_of(tmp_path, height=8, width=24, seeds="4,0")
    assert (list(wide.seeds), wide.size, wide.latent_shape) == ([4, 0], (8, 24), (4, 4, 12))


def test_what_can_change_a_picture_is_in_the_identity_and_nothing_else(tmp_path: Path) -> None:
    first = run_of(tmp_path)
    prompts = tmp_path / "same.csv"
    prompts.write_text("caption\n" + "\n".join(PROMPTS))
    same = [
        {"block_size": 50, "gamma": 0.5, "seeds": "0-2", "height": 16, "state_dtype": "float64"},
        {"prompts": str(prompts), "results_dir": str(tmp_path / "else"), "save_images": "none", "workers": 1},
    ]
    for changes in same:
        assert run_of(tmp_path, **changes).identity == first.identity
    other = tmp_path / "other.txt"
    other.write_text("\n".join(PROMPTS[::-1]))
    changed: list[dict[str, Any]] = [
        {"gamma": 0.4},
        {"sampler": "ddim"},
        {"guidance_scale": 3},
        {"negative_prompt": "ugly"},
        {"num_inference_steps": 3},
        {"state_dtype": "float32"},
        {"network_dtype": "bfloat16"},
        {"low_memory": True},
        {"set_alpha_to_one": True},
        {"width": 24},
        {"prompts": str(other)},
        {"seeds": "0-3"},
        {"block_size": 2},
    ]
    runs = [run_of(tmp_path, **changes) for changes in changed]
    assert len({run.identity for run in [first, *runs]}) == len(changed) + 1
    assert len({run.folder for run in [first, *runs]}) == len(changed) + 1
    # Blocks of seeds of one experiment share the series.
    assert run_of(tmp_path, seeds="3-5").series == first.series != runs[0].series


def test_long_prompts_are_refused_or_cut_at_words(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text(f"a cat\n{LONG}\n{'ä' * 200}\n")
    with pytest.raises(UserError, match=r"prompts\.txt: prompt=a very long.*must be 77 at most.*long_prompts=truncate"):
        run_of(tmp_path)
    # Of prompts that no seed has the length does not matter.
    assert run_of(tmp_path, seeds="0,3").num_truncated == 0
    run = run_of(tmp_path, long_prompts="truncate")
    assert run.num_truncated == 2
    assert run.prompts[0] == "a cat"
    assert LONG.startswith(run.prompts[1] + " ")
    for prompt in run.prompts:
        assert len(run.pipe.tokenizer(prompt).input_ids) <= 77
    longer = LONG[: len(run.prompts[1])] + LONG[len(run.prompts[1]) :].split(" ", 2)[1]
    assert len(run.pipe.tokenizer(longer).input_ids) > len(run.pipe.tokenizer(run.prompts[1]).input_ids)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pipeline": "nowhere"}, "pipeline=nowhere: no such folder"),
        ({"prompts": "nowhere.txt"}, "prompts=nowhere.txt: no such file"),
        ({"negative_prompt": LONG}, "negative_prompt=a very long"),
        ({"height": 17}, "height=17: must be a multiple of 2"),
        ({"reference": "x.npz"}, "reference: is for a detector, and detector=none"),
        ({"references": {"pixels": "x.npz"}}, "references: is for a detector"),
        ({"metric": ["kid"]}, "metric=[kid]: must be left out with detector=none"),
        ({"detector": {"name": "pixels"}}, "reference: missing for detector=pixels; reference=FILE.npz gives"),
        (
            {"detector": [{"name": "pixels"}, {"name": "digits", "path": "x"}], "reference": "x.npz"},
            "reference: missing for detector=digits; references={digits: FILE.npz}",
        ),
        ({"detector": {"name": "pixels"}, "reference": "x.npz"}, "reference=x.npz: no such file"),
        ({"detector": {"name": "pixels"}, "reference": "x.npz", "seeds": "0"}, "seeds: one picture has no statistics"),
        ({"clip": "nowhere"}, "clip=nowhere: no such folder"),
        ({"sampler": "dpmpp", "num_inference_steps": 999}, "sampler=dpmpp: diffusers' DPMSolverMultistepScheduler"),
        ({"workers": 2000}, "workers=2000: must be auto or from 1 to"),
    ],
)
def test_mistakes(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}") as caught:
        prepare_generation(config_of(tmp_path, **changes), "command")
    assert "\n" not in str(caught.value)
