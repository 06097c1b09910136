"""BDIA's inverse as a scheduler, in the manner of diffusers' DDIMInverseScheduler, for loops of one's own.

    inverse = BDIAInverseScheduler.from_config(pipe.scheduler.config, gamma=1.0)
    inverse.set_timesteps(50)
    for t in inverse.timesteps:
        z = inverse.step(pipe.unet(z, t, embeddings).sample, t, z).prev_sample
    z_last, z_before_last = inverse.pair

``invert`` does that and more. What it starts from is the picture's latent z_0; the first step, from the data's level
with the network asked at time 0, chooses z_1 (or ``set_second`` gives it), every later one is exact. The result is the
pair z_N, z_{N-1}: BDIAScheduler leads back from it, ``set_second`` being given z_{N-1} and ``step`` z_N.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.schedulers.scheduling_ddim import DDIMSchedulerOutput
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.bdia_step import bdia_step_back, check_growth
from bdia_edm.text_to_image.prediction import predict
from bdia_edm.text_to_image.scheduler import BDIAScheduler, Older
from bdia_edm.text_to_image.scheduler_errors import SchedulerError

__all__ = ["BDIAInverseScheduler", "SchedulerMixin"]

_DATA = -1


class BDIAInverseScheduler(BDIAScheduler):
    """BDIAScheduler backwards; its arguments are the same.

    ``timesteps`` rise: 0, for the data's level, then t_1 to t_{N-1}. A step leads to the next level, the last to t_N.
    """

    _ends: tuple[Tensor, Tensor] | None = None
    _taken = 0

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        """What the last step led to, and the state before: z_N and z_{N-1} after a whole run."""
        if self._ends is None:
            raise SchedulerError("pair: there has been no step since set_timesteps")
        return self._ends

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        timesteps: Sequence[int] | None = None,
    ) -> None:
        """Sets the timesteps of a run, and clears the history.

        Args:
            num_inference_steps: how many, spaced as the configuration says.
            timesteps: instead, the sampling run's timesteps, falling.

        Raises:
            SchedulerError: as BDIAScheduler's; clipping, gamma 0, or one too low for so many steps.
        """
        for name in ("clip_sample", "thresholding"):
            if self.config[name]:
                raise SchedulerError(f"{name}=True: clipped data has no inverse; must be False")
        super().set_timesteps(num_inference_steps, device, timesteps)
        self._check_growth(torch.float64)
        self._list = self._list[::-1]
        self.timesteps = torch.tensor([0, *self._list[:-1]], dtype=torch.int64).to(device)
        self._ends = None
        self._taken = 0

    def step(  # type: ignore[override]
        self, model_output: Tensor, timestep: int | Tensor, sample: Tensor, return_dict: bool = True
    ) -> DDIMSchedulerOutput | tuple[Tensor, Tensor]:
        """The next noisier state from this one.

        Args:
            model_output: the network's output for ``sample`` at ``timestep``, of its shape.
            timestep: as the list has it.
            sample: the state; at first z_0.

        Returns:
            prev_sample, the noisier state (the name is DDIMInverseScheduler's), and pred_original_sample, x_0.

        Raises:
            SchedulerError: no timesteps are set, or their number is too large for the type of ``sample``.
        """
        if self.num_inference_steps is None:
            raise SchedulerError("step: call set_timesteps first")
        t, t_up = self._here_and_up(int(timestep))
        if self._older is None:
            self._check_growth(sample.dtype)
        now = predict(model_output, sample, self._level(t), self.config.prediction_type)
        if self._older is None and self._second is not None:
            z_up, self._second = self._second.to(sample), None
        elif self._older is None:
            z_up = now.at(self._level(t_up))
        else:
            newer = self._level(self._older.timestep)
            z_up = bdia_step_back(now, self._older.state, self._level(t_up), newer, self.config.gamma)
        self._older = Older(sample, t)
        self._ends = (z_up, sample)
        if not return_dict:
            return z_up, now.x0
        return DDIMSchedulerOutput(prev_sample=z_up, pred_original_sample=now.x0)

    def _check_growth(self, dtype: torch.dtype) -> None:
        try:
            check_growth(self.config.gamma, len(self._list), dtype)
        except UserError as error:
            raise SchedulerError(str(error)) from None

    def _here_and_up(self, timestep: int) -> tuple[int, int]:
        """The timesteps of the level where the state is and of the one that it goes to."""
        levels = [_DATA, *self._list]
        asked = [0, *self._list[:-1]]
        # From the last step on: with steps_offset 0 the data and t_1 are both asked for at 0.
        if timestep in asked[self._taken :]:
            position = asked.index(timestep, self._taken)
            self._taken = position + 1
            return levels[position], levels[position + 1]
        assert self.num_inference_steps is not None
        ratio = self.config.num_train_timesteps // self.num_inference_steps
        return timestep, min(timestep + ratio, self.config.num_train_timesteps - 1)
