"""python -m bdia_edm.edit pipeline=...: pictures are inverted on a pipeline, brought back and edited."""

from __future__ import annotations

import sys
import textwrap
from functools import partial

from bdia_edm.config.help import describe_options
from bdia_edm.config.hydra_command import run_command
from bdia_edm.config.overrides import as_typed, override
from bdia_edm.run.one_run import one_run
from bdia_edm.text_to_image.edits.config import EditPicturesConfig
from bdia_edm.text_to_image.edits.kind import TASK
from bdia_edm.text_to_image.method import METHODS

__all__ = ["main", "method_help", "texts_as_typed"]

_WIDTH = 116
_PROMPTS = ("prompt", "edit", "negative_prompt")
_PATHS = ("pipeline", "image", "mask", "structure", "clip")
_WHAT = """\
Inverts pictures on a text-to-image pipeline of diffusers, brings them back, and makes them again under another prompt.
Prints a record of it as JSON (everything else goes to stderr): how exactly they came back, beside what the pipeline's
autoencoder alone makes of them, and what of them an edit kept. Record, a picture of it all (edits.png) and the edited
pictures (images/) lie in a folder of results_dir whose name comes from the options."""
_EXAMPLES = (
    'python -m bdia_edm.edit pipeline=DIR_OR_HUB_ID image=cat.png prompt="a cat" edit="a dog"',
    'python -m bdia_edm.edit -m pipeline=DIR_OR_HUB_ID image=cat.png prompt="a cat" method=bdia,edict,ddim',
    "python -m bdia_edm.edit pipeline=DIR_OR_HUB_ID image=PIE_BENCH indices=0-9 resize=true",
    "python -m bdia_edm.compare task=edit pipeline=DIR_OR_HUB_ID image=PIE_BENCH",
)
_MORE = (
    "Figures are means over the pictures (of PSNR, roundtrip_psnr and vae_psnr are of all as one); nfe counts the",
    "inversion and the way back; shards/*.npz hold every picture's. A round trip cannot be better than vae_psnr says:",
    "what the inversion adds is roundtrip_vae_psnr and roundtrip_vae_max_grey. Prompts are not taken apart by -m.",
)


def method_help() -> list[str]:
    """The methods with their options."""
    lines: list[str] = []
    for name in METHODS.names():
        kind, usual = METHODS[name], METHODS[name].usual
        words = (kind.__doc__ or "").strip().splitlines()[0]
        told = f"num_inference_steps={usual.num_steps} guidance_scale={usual.guidance:g} strength={usual.strength:g}"
        head = textwrap.wrap(f"method={name}: {words} Published with {told}", _WIDTH, subsequent_indent=" " * 8)
        lines += [*head, *describe_options(kind, ""), ""]
    return lines


def texts_as_typed(words: list[str]) -> list[str]:
    """The command line with prompts and paths as Hydra reads them; commas in a prompt are the prompt's."""
    return [_text_as_typed(word) for word in words]


def _text_as_typed(word: str) -> str:
    name, equals, text = word.partition("=")
    if name in _PATHS and equals:
        return as_typed(word)
    in_quotes = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return word if name not in _PROMPTS or not equals or text == "null" or in_quotes else override(name, text)


def main() -> None:
    """The command."""
    sys.argv[1:] = texts_as_typed(sys.argv[1:])
    more = (*method_help(), *_MORE)
    run_command(TASK, partial(one_run, TASK, command="edit"), _WHAT, _EXAMPLES, more, EditPicturesConfig)


if __name__ == "__main__":
    main()
