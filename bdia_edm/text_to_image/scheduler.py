"""BDIA-DDIM as a scheduler for diffusers' pipelines.

pipe.scheduler = BDIAScheduler.from_config(pipe.scheduler.config, gamma=0.5)

Its step is DDIM's, and from the second on BDIA's (``bdia_step.py``); one evaluation of the network a step. gamma 0 is
diffusers' DDIMScheduler bit for bit: with leading timesteps, with trailing ones where the number of steps divides that
of training, and with ``next_timestep`` spacing everywhere.

diffusers finds what loads a saved scheduler by its base class's name in the module that the scheduler is from, so
``SchedulerMixin`` must be among the names of this one.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.schedulers.scheduling_ddim import DDIMScheduler, DDIMSchedulerOutput
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from bdia_edm.text_to_image.bdia_step import bdia_step
from bdia_edm.text_to_image.prediction import Level, Prediction, predict
from bdia_edm.text_to_image.scheduler_errors import SchedulerError, falling_timesteps, require_value

__all__ = ["BDIAScheduler", "Older", "SchedulerMixin"]

NEXT_TIMESTEPS = ("list", "spacing")


class Older(NamedTuple):
    """The state before the present one: what the step before was handed."""

    state: Tensor
    timestep: int


class BDIAScheduler(DDIMScheduler):
    """diffusers' DDIMScheduler with BDIA's step.

    The first step after ``set_timesteps`` is DDIM's, wherever in the list it falls (image to image, inpainting); the
    history is what ``step`` was handed since, never guessed from a timestep.

    Args:
        gamma: weight of the backward integration, from 0 to 1; 0 is DDIM. The paper advises 1.0, and its code's README
            0.5 at 10 steps. Below 0.9 it is for sampling only: the inverse divides by it.
        next_timestep: the level that a step leads to: list, of the next timestep in the list, at which the network is
            asked next; spacing, of timestep - num_train_timesteps // num_inference_steps, as DDIMScheduler has it: for
            linspace that is another one, so that such a run has no exact inverse. A timestep that is not in the list is
            followed by the one by spacing.
        num_train_timesteps, beta_start, beta_end, beta_schedule, trained_betas, clip_sample, set_alpha_to_one,
            steps_offset, prediction_type, thresholding, dynamic_thresholding_ratio, clip_sample_range,
            sample_max_value, timestep_spacing, rescale_betas_zero_snr: as of DDIMScheduler. ``from_config`` takes
            the defaults for what the other scheduler's configuration lacks or was left at its own: the betas' are those
            of all diffusers' schedulers, clip_sample, set_alpha_to_one and steps_offset are as Stable Diffusion's.

    Raises:
        SchedulerError: gamma or next_timestep is another one.
    """

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.0001,
        beta_end: float = 0.02,
        beta_schedule: str = "linear",
        trained_betas: Any = None,
        clip_sample: bool = False,
        set_alpha_to_one: bool = False,
        steps_offset: int = 1,
        prediction_type: str = "epsilon",
        thresholding: bool = False,
        dynamic_thresholding_ratio: float = 0.995,
        clip_sample_range: float = 1.0,
        sample_max_value: float = 1.0,
        timestep_spacing: str = "leading",
        rescale_betas_zero_snr: bool = False,
        gamma: float = 1.0,
        next_timestep: str = "list",
    ) -> None:
        number = isinstance(gamma, int | float) and not isinstance(gamma, bool)
        require_value(number and 0 <= gamma <= 1, "gamma", gamma, "a number from 0 to 1")
        require_value(next_timestep in NEXT_TIMESTEPS, "next_timestep", next_timestep, " or ".join(NEXT_TIMESTEPS))
        super().__init__(
            num_train_timesteps=num_train_timesteps,
            beta_start=beta_start,
            beta_end=beta_end,
            beta_schedule=beta_schedule,
            trained_betas=trained_betas,
            clip_sample=clip_sample,
            set_alpha_to_one=set_alpha_to_one,
            steps_offset=steps_offset,
            prediction_type=prediction_type,
            thresholding=thresholding,
            dynamic_thresholding_ratio=dynamic_thresholding_ratio,
            clip_sample_range=clip_sample_range,
            sample_max_value=sample_max_value,
            timestep_spacing=timestep_spacing,
            rescale_betas_zero_snr=rescale_betas_zero_snr,
        )
        if gamma > 0 and (clip_sample or thresholding):
            what = "clip_sample" if clip_sample else "thresholding"
            warnings.warn(
                f"{what}=True: BDIA's step with clipped data has no exact inverse, and clipping spoils latents; "
                f"take {what}=False",
                stacklevel=2,
            )
        self._older: Older | None = None
        self._second: Tensor | None = None
        self._list: list[int] = []

    @property
    def older(self) -> Older | None:
        """The state z_{i+1} and its timestep, None before the first step.

        After a run that is z_1: with the result z_0 it makes the pair that an exact inversion starts from.
        """
        return self._older

    def set_second(self, state: Tensor) -> None:
        """Has the first step of the next run lead to ``state``, once; the network's output for it is not looked at.

        That is how an ordinary pipeline starts from an inversion's pair: ``latents`` z_N, and z_{N-1} here.
        """
        self._second = state

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        timesteps: Sequence[int] | None = None,
    ) -> None:
        """Sets the timesteps of a run, and clears the history.

        Args:
            num_inference_steps: how many, spaced as the configuration says.
            timesteps: instead, the timesteps themselves, falling.

        Raises:
            SchedulerError: both or none are given, or a timestep is out of training's range or out of order.
        """
        last = self.config.num_train_timesteps - 1
        if (num_inference_steps is None) == (timesteps is None):
            raise SchedulerError("set_timesteps: needs either num_inference_steps or timesteps")
        if timesteps is None:
            assert num_inference_steps is not None
            require_value(
                1 <= num_inference_steps <= last + 1,
                "num_inference_steps",
                num_inference_steps,
                f"from 1 to {last + 1}",
            )
            super().set_timesteps(num_inference_steps, device)
            given = self.timesteps.tolist()  # type: ignore[has-type]
            require_value(
                given[0] <= last, "num_inference_steps", num_inference_steps, f"less: its first timestep is over {last}"
            )
        else:
            given = falling_timesteps(timesteps, last)
            self.num_inference_steps = len(given)
            self.timesteps = torch.tensor(given, dtype=torch.int64).to(device)
        self._list = given
        self._older = None

    def step(
        self,
        model_output: Tensor,
        timestep: int | Tensor,
        sample: Tensor,
        eta: float = 0.0,
        use_clipped_model_output: bool = False,
        generator: torch.Generator | None = None,
        variance_noise: Tensor | None = None,
        return_dict: bool = True,
    ) -> DDIMSchedulerOutput | tuple[Tensor, Tensor]:
        """z_{i-1} from z_i.

        Args:
            model_output: the network's output for ``sample`` at ``timestep``, of its shape.
            timestep: t_i.
            sample: z_i.
            eta, generator, variance_noise: of DDIM's noise. It enters the steps that are DDIM's: all with gamma 0, else
                the first one.
            use_clipped_model_output: e is taken from x_0 after clipping, as of DDIMScheduler.

        Returns:
            prev_sample, z_{i-1}, and pred_original_sample, x_0.
        """
        if self.num_inference_steps is None:
            raise SchedulerError("step: call set_timesteps first")
        t = int(timestep)
        t_next = self._next(t)
        level = self._level(t)
        now = self._clipped(predict(model_output, sample, level, self.config.prediction_type))
        if use_clipped_model_output:
            now = Prediction(now.x0, (sample - level.alpha * now.x0) / level.sigma)
        gamma = self.config.gamma
        if self._older is None and self._second is not None:
            z_next, self._second = self._second.to(sample), None
        elif self._older is None or gamma == 0:
            z_next = self._ddim(now, t, t_next, eta, generator, variance_noise)
        else:
            z_next = bdia_step(now, self._older.state, self._level(self._older.timestep), self._level(t_next), gamma)
        self._older = Older(sample, t)
        if not return_dict:
            return z_next, now.x0
        return DDIMSchedulerOutput(prev_sample=z_next, pred_original_sample=now.x0)

    def _ddim(
        self,
        now: Prediction,
        t: int,
        t_next: int,
        eta: float,
        generator: torch.Generator | None,
        variance_noise: Tensor | None,
    ) -> Tensor:
        """DDIM's step, with noise where eta is above 0."""
        if eta == 0:
            return now.at(self._level(t_next))
        if generator is not None and variance_noise is not None:
            raise SchedulerError("step: takes either generator or variance_noise")
        deviation = eta * self._get_variance(t, t_next) ** 0.5
        squared = self._alpha_squared(t_next)
        z_next = now.at(Level(t_next, squared**0.5, (1 - squared - deviation**2) ** 0.5))
        if variance_noise is None:
            e = now.e
            variance_noise = randn_tensor(e.shape, generator=generator, device=e.device, dtype=e.dtype)
        return z_next + deviation * variance_noise

    def _clipped(self, now: Prediction) -> Prediction:
        if self.config.thresholding:
            return now._replace(x0=self._threshold_sample(now.x0))
        if self.config.clip_sample:
            return now._replace(x0=now.x0.clamp(-self.config.clip_sample_range, self.config.clip_sample_range))
        return now

    def _next(self, t: int) -> int:
        """The timestep that a step from t leads to; below 0: the data's level."""
        if self.config.next_timestep == "list" and t in self._list:
            position = self._list.index(t) + 1
            return self._list[position] if position < len(self._list) else -1
        assert self.num_inference_steps is not None
        return t - self.config.num_train_timesteps // self.num_inference_steps

    def _level(self, t: int) -> Level:
        squared = self._alpha_squared(t)
        return Level(t, squared**0.5, (1 - squared) ** 0.5)

    def _alpha_squared(self, t: int) -> Tensor:
        # A tensor: Python's own arithmetic would round otherwise than DDIMScheduler's.
        return self.alphas_cumprod[t] if t >= 0 else self.final_alpha_cumprod
