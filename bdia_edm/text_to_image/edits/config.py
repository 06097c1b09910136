"""The options of an edit of pictures, as conf/edit_pictures.yaml and the command line give them, read and checked.

A method's options are its own dataclass's; null in the config is their default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bdia_edm.base.options import option, options_of, read_options, require
from bdia_edm.config.common_config import MOST, AnyConfig, WorkOptions, import_modules_of
from bdia_edm.config.indices import ANY, chosen_numbers
from bdia_edm.text_to_image.loading import NETWORK_DTYPES
from bdia_edm.text_to_image.method import METHODS, Method, make_method
from bdia_edm.text_to_image.pipelines import check_guidance

__all__ = ["EditPicturesConfig", "EditPicturesOptions", "method_options", "read_edit_pictures"]

_IN_CHECKSUM = "the checksum of the pictures, prompts and masks is in the identity"
_USUAL = "what the method was published with for editing"


@dataclass(frozen=True, kw_only=True)
class EditPicturesOptions(WorkOptions):
    """The options of an edit of pictures beside its method's own."""

    block_size: int = option(1, words="pictures of one block, which is what an interruption costs", low=1, high=MOST)
    pipeline: str = option(
        words="the model: a folder that diffusers' save_pretrained wrote, or a hub id such as "
        "stabilityai/stable-diffusion-2-1-base; of Stable Diffusion's kind (1.x, 2.x, XL)",
        harmless="the checksum of its files is in the identity",
    )
    image: tuple[str, ...] = option(
        words="what is inverted: a picture, a list of pictures, a folder of them, or a folder of PIE-Bench's layout "
        "(mapping_file.json), whose prompts and masks are taken",
        harmless=_IN_CHECKSUM,
    )
    indices: str | None = option(
        None, words="which of the pictures, from 0 on: numbers and ranges such as 0-99 or '0-9,20-29'; null takes all"
    )
    prompt: str | None = option(None, words="what describes the pictures; PIE-Bench has its own", harmless=_IN_CHECKSUM)
    edit: str | None = option(
        None,
        words="the prompt that they are to follow; null brings them back as they are, or takes PIE-Bench's own",
        harmless=_IN_CHECKSUM,
    )
    negative_prompt: str = option(
        "", words="what guidance leads away from, both ways", default_words="the empty prompt"
    )
    method: str = option("bdia", words="how pictures become noise and come back: one of those below")
    num_inference_steps: int | None = option(
        None, words="the steps N of the whole way from noise", low=1, high=1000, default_words=_USUAL
    )
    guidance_scale: float | None = option(
        None, words="weight of the prompt against the negative one, both ways", low=0, high=1e6, default_words=_USUAL
    )
    strength: float | None = option(
        None,
        words="the part of the N steps that is used: less keeps more of the picture",
        above=0,
        default_words=_USUAL,
    )
    set_alpha_to_one: bool | None = option(
        None, words="whether the data's level has alpha 1; null: as the pipeline's scheduler says"
    )
    state_dtype: str = option("float64", words="type of the latents between steps", one_of=("float64", "float32"))
    network_dtype: str = option(
        "auto",
        words="type of the networks; auto is that of the pipeline's files, and float32 on a CPU",
        one_of=NETWORK_DTYPES,
    )
    low_memory: bool = option(False, words="whether guidance's two evaluations are made one after the other")
    resize: bool = option(
        False,
        words="whether pictures of other sizes and modes are made to fit: the centre cropped to the pipeline's shape, "
        "resized, converted to RGB; else they are refused",
    )
    mask: str | None = option(
        None,
        words="a picture whose white is what was to change: outside it is measured what stayed",
        harmless=_IN_CHECKSUM,
    )
    structure: str | None = option(
        None,
        words="measures the structure distance with this DINO ViT: a folder or a hub id such as "
        "facebook/dino-vitb8; null: not measured",
        harmless="the checksum of its files is in the identity",
    )
    clip: str | None = option(
        None,
        words="measures how well pictures fit their prompts with this CLIP: a folder or a hub id such as "
        "openai/clip-vit-large-patch14; null: not measured",
        harmless="the checksum of its files is in the identity",
    )
    keep_inverted: bool = option(
        False,
        words="whether the inverted pairs stay (inverted/*.safetensors, for Inverted.load): one inversion, many edits",
        harmless="what is kept beside the record",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.method in METHODS, "method", self.method, f"one of {', '.join(METHODS.names())}")
        if self.strength is not None:
            require(self.strength <= 1, "strength", self.strength, "above 0 and at most 1")
        if self.guidance_scale is not None:
            check_guidance(self.guidance_scale)
        require(bool(self.image), "image", "[]", "a picture, a list of pictures or a folder")
        if self.method == "negative_prompt":
            allowed = "'' with method=negative_prompt, which leads away from the source's prompt"
            require(not self.negative_prompt, "negative_prompt", self.negative_prompt, allowed)
        if self.indices is not None:
            self.chosen(ANY)

    def chosen(self, found: int) -> Sequence[int]:
        """The numbers of the pictures, of ``found`` that there are.

        Raises:
            UserError: one is not there, twice there, or no number.
        """
        return chosen_numbers(self.indices, found, "a picture", "pictures")


@dataclass(frozen=True, kw_only=True)
class EditPicturesConfig(EditPicturesOptions, AnyConfig):
    """Everything that the user chose; what was null because the method has its own is the method's.

    Attributes:
        way: the method with its options.
    """

    way: Method

    @property
    def num_steps(self) -> int:
        """N."""
        assert self.num_inference_steps is not None
        return self.num_inference_steps

    @property
    def guidance(self) -> float:
        """The guidance's weight."""
        assert self.guidance_scale is not None
        return self.guidance_scale

    @property
    def part(self) -> float:
        """The strength."""
        assert self.strength is not None
        return self.strength

    def sections(self) -> list[tuple[str, Any]]:
        return [("way.", self.way)]


def method_options() -> dict[str, list[str]]:
    """Every option of a method, and which methods have it."""
    found: dict[str, list[str]] = {}
    for name in METHODS.names():
        for each, _ in options_of(METHODS[name]):
            found.setdefault(each.name, []).append(name)
    return found


def read_edit_pictures(values: Mapping[str, Any]) -> EditPicturesConfig:
    """Checks a config, every option of it.

    Raises:
        UserError: at the first that is unknown, missing or out of range, or that the method has not.
    """
    rest, known = dict(values), method_options()
    import_modules_of(rest)
    own = {name: value for name in known if (value := rest.pop(name, None)) is not None}
    checked = read_options(EditPicturesOptions, rest, "")
    way = make_method(checked.method, own)
    plain = {each.name: getattr(checked, each.name) for each in fields(EditPicturesOptions)}
    usual = way.usual
    for name, value in (
        ("num_inference_steps", usual.num_steps),
        ("guidance_scale", usual.guidance),
        ("strength", usual.strength),
    ):
        plain[name] = value if plain[name] is None else plain[name]
    return EditPicturesConfig(way=way, source=dict(values), **plain)
