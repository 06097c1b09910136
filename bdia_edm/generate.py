"""python -m bdia_edm.generate pipeline=DIR prompts=FILE: pictures of many prompts, measured; their record on stdout.

``--help`` lists the options; their defaults are in conf/.
"""

from __future__ import annotations

import sys

from omegaconf import DictConfig

from bdia_edm.config.generation_config import GenerationConfig
from bdia_edm.config.generation_words import generation_words
from bdia_edm.config.hydra_command import run_command

__all__ = ["main"]

_WHAT = """\
Makes pictures of many prompts with a Stable Diffusion pipeline of diffusers (or SDXL's) and a sampler, measures them
where a detector or a CLIP model is given, and prints a record of it as JSON (everything else goes to stderr). Needs
the extra text: pip install 'bdia_edm[text]'. A seed's picture depends on the seed, its prompt and the options alone, so
samplers are compared on the same seeds. Record and pictures lie in a folder of results_dir whose name comes from the
options. A run whose record exists is not run again; one that was interrupted goes on where it was."""
_EXAMPLES = (
    "python -m bdia_edm.generate pipeline=stabilityai/stable-diffusion-2-1-base prompts=prompts.txt",
    "python -m bdia_edm.generate -m pipeline=sd prompts=captions.json sampler=bdia,ddim,dpmpp seeds=0-29999 "
    "detector=inception reference=coco.npz clip=openai/clip-vit-large-patch14",
    "python -m bdia_edm.table runs",
)
_MORE = (
    "Compare at equal NFE, the evaluations of the network per picture: guidance doubles them, and edict's steps",
    "take two, as heun's but the last do; hold edict against the others with num_inference_steps=N/2.",
    "detector=NAME or [NAME,...] as of sample; detector.path=, detector.sha256= are its file and that one's checksum.",
)


def _generate(config: DictConfig) -> None:
    # Only here: the help needs none of it, and most of it needs the extra.
    from bdia_edm.run.one_run import one_run
    from bdia_edm.text_to_image.generating import kind

    one_run(kind.TASK, config)


def main() -> None:
    """The command."""
    sys.argv[1:] = generation_words(sys.argv[1:])
    run_command("generate", _generate, _WHAT, _EXAMPLES, _MORE, GenerationConfig)


if __name__ == "__main__":
    main()
