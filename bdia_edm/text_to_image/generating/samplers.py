"""What makes a picture of a prompt and its noise: this program's methods that sample, and diffusers' own schedulers.

All see the same levels' table and the same guided network, evaluation by evaluation, and all are counted there. The
methods have the options that they were published with for sampling, not those for inversion: BDIA gamma 0.5, as its
authors' text-to-image code has it at 10 steps (1 at 40).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.base.option_names import named
from bdia_edm.config.generation_config import GenerationConfig
from bdia_edm.text_to_image.editing import sample
from bdia_edm.text_to_image.generating.scheduled import SCHEDULERS, check_scheduled, sample_scheduled, scheduler_for
from bdia_edm.text_to_image.method import METHODS, Method, make_method
from bdia_edm.text_to_image.pipelines import check_levels, levels_for, name_of, prediction_type, state_type

__all__ = ["Made", "OurSampler", "PromptSampler", "ScheduledSampler", "make_prompt_sampler", "sampler_names"]

_FOR_SAMPLING: dict[str, dict[str, Any]] = {"bdia": {"gamma": 0.5}}
_BASELINE = "ddim"
_TITLES = {"bdia": "BDIA", "ddim": "DDIM", "edict": "EDICT", "obelm": "O-BELM"}
_COLUMNS = ("gamma", "p")
_OWN = ("gamma", "p", "leapfrog")
"""Options of single methods; of none are those that only an inversion has, or that change no picture."""


class Made(NamedTuple):
    """A picture (H, W, 3) uint8, and the evaluations that it took: forwards of one latent with one prompt."""

    picture: NDArray[np.uint8]
    evaluations: int


@dataclass(frozen=True, kw_only=True)
class PromptSampler(ABC):
    """A sampler with all its options.

    Attributes:
        name: how the user chooses it.
        num_steps: N.
        guidance: g.
        negative: the negative prompt.
        set_alpha_to_one: whether the data's level has no noise; None: as the pipeline's scheduler says.
        state_dtype: of the latents.
        low_memory: whether guidance's two evaluations are made one after the other.
    """

    name: str
    num_steps: int
    guidance: float
    negative: str
    set_alpha_to_one: bool | None
    state_dtype: torch.dtype
    low_memory: bool

    @property
    @abstractmethod
    def title(self) -> str:
        """What pictures call it."""

    @property
    def is_baseline(self) -> bool:
        """Whether others are compared with it."""
        return self.name == _BASELINE

    @property
    def columns(self) -> Mapping[str, str | float | bool | None]:
        """Options that have columns of their own in tables."""
        return {name: value for name, value in self.own.items() if name in _COLUMNS}

    @property
    def own(self) -> dict[str, Any]:
        """The options that are not all samplers'."""
        return {}

    @property
    def usual_state(self) -> str:
        """The latents' type where nobody says it."""
        return "float64"

    @property
    def label(self) -> str:
        """The name and every option that is not the default and has no column."""
        words = [f"{name}={value}" for name, value in self.own.items() if name == "leapfrog" and value != "noisy_end"]
        if self.set_alpha_to_one is not None:
            words.append(f"set_alpha_to_one={str(self.set_alpha_to_one).lower()}")
        if name_of(self.state_dtype) != self.usual_state:
            words.append(f"state_dtype={name_of(self.state_dtype)}")
        return " ".join([self.name, *words])

    def options(self) -> dict[str, Any]:
        """All options, as plain values."""
        return {
            "num_steps": self.num_steps,
            "guidance_scale": self.guidance,
            "negative_prompt": self.negative,
            "set_alpha_to_one": self.set_alpha_to_one,
            "state_dtype": name_of(self.state_dtype),
            "low_memory": self.low_memory,
            **self.own,
        }

    @abstractmethod
    def check(self, pipe: Any) -> None:
        """Raises UserError where it cannot sample with this pipeline, which ``check_pipeline`` has seen."""

    @abstractmethod
    def make(self, pipe: Any, prompt: str, noise: Tensor) -> Made:
        """The picture of a prompt.

        Args:
            noise: standard normal (1, C, h, w) float32, on the CPU.

        Raises:
            UserError: it is not finite.
        """


@dataclass(frozen=True, kw_only=True)
class OurSampler(PromptSampler):
    """One of this program's methods."""

    method: Method

    @property
    def title(self) -> str:
        return _TITLES.get(self.name, self.name)

    @property
    def own(self) -> dict[str, Any]:
        return {name: value for name, value in self.method.options().items() if name in _OWN}

    def check(self, pipe: Any) -> None:
        levels = levels_for(pipe, self.method, self.num_steps, 1.0, None, self.set_alpha_to_one)
        check_levels(levels, self.method, prediction_type(pipe), inverts=False)

    def make(self, pipe: Any, prompt: str, noise: Tensor) -> Made:
        made = sample(
            pipe,
            prompt,
            self.negative,
            method=self.name,
            num_inference_steps=self.num_steps,
            guidance_scale=self.guidance,
            latents=noise,
            set_alpha_to_one=self.set_alpha_to_one,
            state_dtype=self.state_dtype,
            low_memory=self.low_memory,
            **self.method.options(),
        )
        return Made(made.picture, made.evaluations)


@dataclass(frozen=True, kw_only=True)
class ScheduledSampler(PromptSampler):
    """One of diffusers' schedulers, as ``from_config`` of the pipeline's own makes it."""

    @property
    def title(self) -> str:
        return SCHEDULERS[self.name].title

    @property
    def usual_state(self) -> str:
        return "float32"

    def check(self, pipe: Any) -> None:
        check_scheduled(self.name, pipe, self.num_steps)

    def make(self, pipe: Any, prompt: str, noise: Tensor) -> Made:
        scheduler = scheduler_for(self.name, pipe)
        return Made(
            *sample_scheduled(
                scheduler,
                pipe,
                prompt,
                self.negative,
                num_steps=self.num_steps,
                guidance=self.guidance,
                noise=noise,
                low_memory=self.low_memory,
            )
        )


def sampler_names() -> list[str]:
    """What ``sampler=`` takes."""
    return [*(name for name in METHODS.names() if METHODS[name].samples), *SCHEDULERS]


def make_prompt_sampler(config: GenerationConfig, device: torch.device) -> PromptSampler:
    """The config's sampler.

    Raises:
        UserError: there is none of this name, or it has not an option that is given.
    """
    name, names = config.sampler, sampler_names()
    if name not in names:
        known = f"must be one of {', '.join(names)}{did_you_mean(name, names)}"
        raise UserError(f"{named('sampler')}={printable(name)}: {known}")
    given = {each: getattr(config, each) for each in _OWN if getattr(config, each) is not None}
    shared: dict[str, Any] = {
        "name": name,
        "num_steps": config.num_inference_steps,
        "guidance": config.guidance_scale,
        "negative": config.negative_prompt,
        "set_alpha_to_one": config.set_alpha_to_one,
        "low_memory": config.low_memory,
    }
    asked = None if config.state_dtype is None else getattr(torch, config.state_dtype)
    if name in SCHEDULERS:
        for option, value in given.items():
            raise UserError(f"{named(option)}={value}: sampler={name} has no such option; leave it out")
        if config.set_alpha_to_one is not None:
            value = str(config.set_alpha_to_one).lower()
            raise UserError(f"{named('set_alpha_to_one')}={value}: sampler={name} has no such option; leave it out")
        if asked is not None and asked != torch.float32:
            raise UserError(f"{named('state_dtype')}={config.state_dtype}: sampler={name} takes float32 alone")
        return ScheduledSampler(**shared, state_dtype=torch.float32)
    for option, value in given.items():
        if option not in METHODS[name].__dataclass_fields__:
            raise UserError(f"{named(option)}={value}: sampler={name} has no such option; leave it out")
    method = make_method(name, {**_FOR_SAMPLING.get(name, {}), **given})
    return OurSampler(**shared, state_dtype=state_type(asked, device), method=method)
