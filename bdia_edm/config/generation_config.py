"""The options of many prompts' pictures, as conf/ and the command line give them, read and checked.

What a sampler takes is for its own module to say: the extra that brings it need not be there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.base.options import option, read_options, require
from bdia_edm.checkpoints.locating import RemoteFile, remote_files
from bdia_edm.config.common_config import AnyConfig, WorkOptions, import_modules_of
from bdia_edm.config.detector_card import NONE, DetectorCard
from bdia_edm.config.run_config import RunOptions, read_detectors
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.engine.plan import parse_seeds
from bdia_edm.metrics.metric import make_metrics

__all__ = ["GenerationConfig", "GenerationOptions", "read_generation_config"]

_MOST_PIXELS = 8192
_LONGEST_NAME = 100
_NAMES = f"1 to {_LONGEST_NAME} printable characters without '/', '\\' and '..'"


def _as_of_a_run(name: str, **changed: Any) -> Any:
    """The option as every run of sampling has it, but for its default: it is written once."""
    found = RunOptions.__dataclass_fields__[name]
    return field(default=changed.get("default", found.default), metadata=found.metadata)


@dataclass(frozen=True, kw_only=True)
class GenerationOptions(WorkOptions):
    """The options beside sampler, seeds and detector."""

    pipeline: str = option(
        words="a folder that diffusers' save_pretrained wrote, or a hub id",
        default_words="must be given",
        harmless="the checksum of its files is in the identity",
    )
    prompts: str = option(
        words="a .txt with one prompt a line, a .csv with a column prompt or caption, or a .json of COCO captions",
        default_words="must be given",
        harmless="the checksum of the prompts is in the identity",
    )
    long_prompts: str = option(
        "refuse",
        words="prompts of more tokens than the text encoder reads; truncate leaves out the last words",
        one_of=("refuse", "truncate"),
    )
    name: str | None = option(
        None, words="what the pipeline is called in folders and tables", default_words="its folder's name"
    )
    num_inference_steps: int = option(10, words="number of steps N", low=1, high=1000)
    guidance_scale: float = option(
        7.5, words="guidance g; at 1 the prompt alone is evaluated, else every evaluation is two", low=0, high=1000
    )
    negative_prompt: str = option("", words="what the guidance leads away from")
    gamma: float | None = option(
        None,
        words="of sampler=bdia: weight of the backward integration; 0 is ddim",
        low=0,
        high=1,
        default_words="0.5, as published for 10 steps (1 for 40)",
    )
    p: float | None = option(
        None,
        words="of sampler=edict: weight of a state of its own in the mix",
        low=0.5,
        high=1,
        default_words="0.93, as published",
    )
    leapfrog: str | None = option(
        None,
        words="of sampler=edict: whether in every other step the second state is first",
        one_of=("noisy_end", "off"),
        default_words="noisy_end",
    )
    set_alpha_to_one: bool | None = option(
        None,
        words="of bdia, ddim, edict and obelm: whether the data's level has no noise",
        default_words="as the pipeline's scheduler says",
    )
    height: int | None = option(
        None, words="of the pictures", unit="pixels", low=8, high=_MOST_PIXELS, default_words="the network's own"
    )
    width: int | None = option(
        None, words="of the pictures", unit="pixels", low=8, high=_MOST_PIXELS, default_words="the network's own"
    )
    network_dtype: str = option(
        "auto",
        words="the networks' type; auto is that of the UNet's file, and on a CPU float32",
        one_of=("auto", "float32", "float16", "bfloat16", "float64"),
    )
    state_dtype: str | None = option(
        None,
        words="the latents' type between the steps",
        one_of=("float64", "float32"),
        default_words="float64; of diffusers' samplers float32, which alone they take",
    )
    low_memory: bool = option(False, words="whether guidance's two evaluations are made one after the other")
    reference: str | None = option(
        None,
        words="npz with the data's statistics in the detector's features, as fid ref makes it: a path or a URL",
        harmless="its checksum is in the identity",
    )
    reference_features: str | None = option(
        None,
        words="npz with features of the data, for metrics that need them, where the reference keeps none",
        harmless="its checksum is in the identity of runs whose metrics need it",
    )
    references: tuple[tuple[str, str], ...] = option(
        (),
        words="the references of several detectors, by their names: {inception: FILE.npz, dinov2: FILE.npz}",
        harmless="their checksums are in the identity",
    )
    clip: str | None = option(
        None,
        words="a CLIP model, folder or hub id, that scores how well a picture fits its prompt; null: no score",
        harmless="the checksum of its files is in the identity",
    )
    metric: tuple[str, ...] = _as_of_a_run("metric")
    save_images: str = _as_of_a_run("save_images", default="png")
    keep_features: bool = _as_of_a_run("keep_features")
    block_size: int = field(default=50, metadata=WorkOptions.__dataclass_fields__["block_size"].metadata)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("pipeline", "prompts"):
            require(bool(getattr(self, name).strip()), name, getattr(self, name), "given")
        if self.name is not None:
            fit = self.name.isprintable() and not set(self.name) & set("/\\") and ".." not in self.name
            require(fit and 0 < len(self.name) <= _LONGEST_NAME, "name", self.name, _NAMES)
        for metric in make_metrics(self.metric):
            require("ode_errors" not in metric.needs, "metric", metric.name, "one of pictures alone")
        for name, _ in self.references:
            known = f"by the names of detectors: {', '.join(DETECTORS.names())}"
            require(name in DETECTORS.names(), "references", f"{{{name}: ...}}", known)


@dataclass(frozen=True, kw_only=True)
class GenerationConfig(GenerationOptions, AnyConfig):
    """Everything that the user chose.

    Attributes:
        seeds: None: one for each prompt, from 0.
    """

    sampler: str = option(
        "bdia",
        words="how pictures are made: bdia, ddim, edict or obelm of this program; dpmpp, unipc, deis, euler, heun or "
        "pndm of diffusers",
    )
    seeds: Sequence[int] | None = option(
        None,
        words="one picture each: numbers and ranges such as 0-29999; seed s has prompt s modulo their number",
        default_words="one for each prompt",
    )
    detectors: tuple[DetectorCard, ...] = ()

    @property
    def remote_files(self) -> list[RemoteFile]:
        """The files that must be fetched, the pipeline's and CLIP's not among them."""
        files = [file for card in self.detectors for file in card.remote_files]
        given = [self.reference, self.reference_features, *(path for _, path in self.references)]
        return files + [file for path in given for file in remote_files(path)]

    def sections(self) -> list[tuple[str, Any]]:
        return [(f"detector {card.name}." if place else "detector.", card) for place, card in enumerate(self.detectors)]

    def reference_of(self, card: DetectorCard) -> tuple[str, str] | None:
        """The option that gives the data's statistics in this detector's features, and its value; None: none does."""
        other = dict(self.references).get(card.name)
        if other is not None:
            return f"references.{card.name}", other
        return ("reference", self.reference) if self.reference is not None and card is self.detectors[0] else None


def read_generation_config(values: Mapping[str, Any]) -> GenerationConfig:
    """Checks a config, every option of it.

    Raises:
        UserError: at the first that is unknown, missing or out of range.
    """
    rest = dict(values)
    chosen = rest.pop("sampler", "bdia")
    if isinstance(chosen, Mapping):
        for name in chosen:
            if name != "name":
                raise UserError(f"{named(f'sampler.{name}')}: the options of a sampler stand alone here: {name}=")
        chosen = chosen.get("name")
    require(isinstance(chosen, str), "sampler", chosen, "the name of a sampler")
    import_modules_of(rest)
    cards = tuple(card for card in read_detectors(rest) if card.name != NONE)
    seeds = rest.pop("seeds", None)
    checked = read_options(GenerationOptions, rest, "")
    plain = {each.name: getattr(checked, each.name) for each in fields(checked)}
    return GenerationConfig(
        sampler=str(chosen),
        seeds=None if seeds is None else parse_seeds(seeds),
        detectors=cards,
        source=dict(values),
        **plain,
    )
