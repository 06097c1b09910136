"""A run of many prompts as data, and from a checked config to it: pipeline, prompts, detectors, references, CLIP.

What is wrong is found here, before the first evaluation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.option_names import named
from bdia_edm.base.options import require
from bdia_edm.checkpoints.locating import fetch_files
from bdia_edm.config.common_config import require_blocks
from bdia_edm.config.generation_config import GenerationConfig
from bdia_edm.engine.plan import Seeds, format_seeds
from bdia_edm.metrics.metric import Metric, make_metrics
from bdia_edm.run.encoders import Encoder, Measurement
from bdia_edm.run.loading import check_workers, place_of, require_writable
from bdia_edm.run.own_parts import own_sources
from bdia_edm.run.run import AnyRun
from bdia_edm.text_to_image.clip_score import ClipScore, load_clip
from bdia_edm.text_to_image.generating.loading_encoders import load_encoders
from bdia_edm.text_to_image.generating.prompt_file import checksum_of, read_prompts
from bdia_edm.text_to_image.generating.samplers import PromptSampler, make_prompt_sampler
from bdia_edm.text_to_image.loading import load_pipeline
from bdia_edm.text_to_image.pictures import latent_factor
from bdia_edm.text_to_image.pipelines import check_guidance, check_pipeline, name_of
from bdia_edm.text_to_image.prompts import check_prompt, fitting

__all__ = ["TASK", "GenerationRun", "prepare_generation"]

TASK = "generate"
_LONGEST = 80
_RESOLVED = {"sampler", "num_inference_steps", "guidance_scale", "negative_prompt", "gamma", "p", "leapfrog"}
_RESOLVED |= {"set_alpha_to_one", "state_dtype", "low_memory", "height", "width", "seeds"}
"""Options that the identity holds as what they come to."""


@dataclass(frozen=True, kw_only=True)
class GenerationRun(AnyRun):
    """A run of many prompts.

    Attributes:
        pipe: of diffusers.
        name: the pipeline's.
        sampler: with its options resolved.
        prompts: all of the file's, as they are used.
        num_truncated: how many of them are not whole.
        seeds: one for each picture.
        size: height and width of a picture.
        encoders: detectors with the data's statistics in their features; none where nothing is measured in any.
        metrics: what is measured in them.
        clip: scores how well a picture fits its prompt; None where nobody does.
    """

    task = TASK
    home = "bdia_edm.text_to_image.generating.kind"
    config: GenerationConfig
    pipe: Any
    name: str
    sampler: PromptSampler
    prompts: Sequence[str]
    num_truncated: int
    seeds: Seeds
    size: tuple[int, int]
    encoders: tuple[Encoder, ...]
    metrics: tuple[Metric, ...]
    clip: ClipScore | None

    __repr__ = AnyRun.__repr__

    @property
    def items(self) -> Seeds:
        return self.seeds

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of a latent."""
        factor = latent_factor(self.pipe.vae)
        return self.pipe.unet.config.in_channels, self.size[0] // factor, self.size[1] // factor

    @property
    def conditions(self) -> dict[str, str | float | bool | None]:
        """What pictures must share beside their seeds and prompts to be compared, with what they come to."""
        negative: dict[str, str] = {"negative prompt": self.sampler.negative} if self.sampler.negative else {}
        network = name_of(self.pipe.unet.dtype)
        size = f"{self.size[1]}x{self.size[0]}"
        return {"guidance": self.sampler.guidance, "size": size, "network": network, **negative}

    @cached_property
    def identity(self) -> str:
        return self._identity({**self._deciding, "seeds": format_seeds(self.seeds)})

    @cached_property
    def series(self) -> str:
        """SHA-256 of the identity less the seeds, as of a run of sampling."""
        return hashlib.sha256(self._identity(self._deciding).encode()).hexdigest()

    @property
    def _deciding(self) -> dict[str, Any]:
        # network_dtype as it is given: where other processes do the work, the networks are not loaded here as there.
        options = {name: value for name, value in self.config.deciding() if name not in _RESOLVED}
        sampler = {"name": self.sampler.name, **self.sampler.options()}
        return {**options, "height": self.size[0], "width": self.size[1], "sampler": sampler}

    @property
    def title(self) -> str:
        words = [f"{name}={value:g}" for name, value in self.sampler.columns.items() if isinstance(value, float)]
        return " ".join([self.sampler.label, *words, f"{self.sampler.num_steps} steps of {self.name}"])

    @property
    def folder(self) -> Path:
        sampler = self.sampler
        words = [f"{name}{value:g}" for name, value in sampler.columns.items() if isinstance(value, float)]
        words += [re.sub("=", "_", word) for word in sampler.label.split()[1:]]
        begin = [self.name, sampler.name, f"{sampler.num_steps}steps", f"guidance{sampler.guidance:g}", *words]
        safe = re.sub("[^-A-Za-z0-9._]", "", "-".join(begin))[:_LONGEST].strip("-.")
        return Path(self.config.results_dir) / f"{safe}-{self.digest}"


def prepare_generation(config: GenerationConfig, command: str) -> GenerationRun:
    """Reads the pipeline, the prompts and what measures, and checks them against the config and one another.

    Args:
        command: what the user typed, for the record.

    Raises:
        UserError: anything is wrong.
    """
    prompts = read_prompts(config.prompts)
    seeds = Seeds([range(len(prompts))]) if config.seeds is None else config.seeds
    assert isinstance(seeds, Seeds)
    require_blocks(len(seeds), config.block_size, "seeds")
    _check_measured(config, len(seeds))
    device, device_type = place_of(config)
    check_guidance(config.guidance_scale)
    sampler = make_prompt_sampler(config, device)
    fetch_files(config.remote_files)
    pipe, checksum = load_pipeline(config.pipeline, device, config.network_dtype)
    check_pipeline(pipe)
    sampler.check(pipe)
    check_prompt(pipe, config.negative_prompt, "negative_prompt")
    used, num_truncated = _fitting(pipe, prompts, seeds, config)
    size = _size(pipe, config)
    checksums = {"model": checksum, "prompts": checksum_of(used)}
    metrics: tuple[Metric, ...] = ()
    encoders: tuple[Encoder, ...] = ()
    if config.detectors:
        metrics = tuple(make_metrics(config.metric))
        encoders = load_encoders(config, metrics, (3, *size), device)
        Measurement(encoders, metrics, len(seeds))  # refuses what cannot be measured
    parts: dict[str, type] = {f"metric {metric.name}": type(metric) for metric in metrics}
    for place, encoder in enumerate(encoders):
        which = f" {encoder.detector.name}" if place else ""
        checksums |= {f"detector{which}": encoder.detector.checksum, f"reference{which}": encoder.reference.checksum}
        if encoder.reference.features_checksum:
            checksums[f"reference{which} features"] = encoder.reference.features_checksum
        parts[f"detector{which}"] = type(encoder.detector)
        parts[f"detector{which}'s network"] = type(getattr(encoder.detector, "network", None))
    clip = None if config.clip is None else load_clip(config.clip, device)
    if clip is not None:
        clip.check(used)
        checksums["clip"] = clip.checksum
    run = GenerationRun(
        config=config,
        # As the user types it (``bdia_edm.generate``).
        command=command.replace(" sampler.name=", " sampler="),
        device=device,
        device_type=device_type,
        checksums=checksums | own_sources(parts),
        pipe=pipe,
        name=config.name or _name(config.pipeline),
        sampler=sampler,
        prompts=used,
        num_truncated=num_truncated,
        seeds=seeds,
        size=size,
        encoders=encoders,
        metrics=metrics,
        clip=clip,
    )
    check_workers(run)
    require_writable(Path(config.results_dir))
    return run


def _check_measured(config: GenerationConfig, num: int) -> None:
    given = [name for name in ("reference", "reference_features") if getattr(config, name) is not None]
    given += ["references"] if config.references else []
    if not config.detectors:
        for name in given:
            raise UserError(f"{named(name)}: is for a detector, and detector=none; take detector=inception, say")
        require(config.metric == ("frechet",), "metric", f"[{','.join(config.metric)}]", "left out with detector=none")
        return
    if num < 2:
        raise UserError("seeds: one picture has no statistics; take two seeds or more, or detector=none")
    for card in config.detectors:
        if config.reference_of(card) is None:
            more = f"references={{{card.name}: FILE.npz}}" if len(config.detectors) > 1 else "reference=FILE.npz"
            raise UserError(
                f"{named('reference')}: missing for detector={card.name}; {more} gives the data's statistics in its "
                "features, as python -m bdia_edm.fid ref makes them, and detector=none measures none"
            )


def _fitting(pipe: Any, prompts: list[str], seeds: Seeds, config: GenerationConfig) -> tuple[list[str], int]:
    """The prompts as they are used, and how many of those that have a seed are not whole."""
    if config.long_prompts == "truncate":
        used = [fitting(pipe, prompt) for prompt in prompts]
        return used, sum(one != other for one, other in zip(used, prompts, strict=True))
    asked = range(len(prompts)) if len(seeds) >= len(prompts) else sorted({seed % len(prompts) for seed in seeds})
    for number in asked:
        try:
            check_prompt(pipe, prompts[number], "prompt")
        except UserError as error:
            raise UserError(
                f"{named('prompts')}={printable(config.prompts)}: {error}; long_prompts=truncate takes what fits"
            ) from error
    return prompts, 0


def _size(pipe: Any, config: GenerationConfig) -> tuple[int, int]:
    """Height and width in pixels."""
    factor, own = latent_factor(pipe.vae), pipe.unet.config.sample_size
    usual = (own, own) if isinstance(own, int) else own
    found = []
    for name, given, latent in zip(("height", "width"), (config.height, config.width), usual, strict=True):
        require(given is None or given % factor == 0, name, given, f"a multiple of {factor}")
        found.append(latent * factor if given is None else given)
    return found[0], found[1]


def _name(pipeline: str) -> str:
    """The folder's name, or what stands last in a hub id."""
    path = Path(pipeline).expanduser()
    name = (path.resolve() if path.is_dir() else path).name
    return "".join(each for each in name if each.isprintable())[:100] or "pipeline"
