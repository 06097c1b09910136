"""What a run's network computes with: its precision, and whether it is compiled, as the options say."""

from __future__ import annotations

from collections.abc import Hashable

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.config.common_config import AUTO, ModelConfig
from bdia_edm.engine.compiled import Compiled, require_compiler
from bdia_edm.engine.precision import resolve_precision
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.models.preconditioning import Preconditioning
from bdia_edm.run.loaded_once import loaded_once

__all__ = ["as_configured"]


def as_configured(
    denoiser: Denoiser, config: ModelConfig, device: torch.device, device_type: str, items: int, key: Hashable = None
) -> tuple[Denoiser, str]:
    """The denoiser as the options want it to compute, and the precision that they come to.

    Args:
        denoiser: as it was loaded, on ``device``; left as it is.
        config: says what is asked for.
        device_type: 'cpu' or 'cuda', where the images will be made.
        items: how many images there are: no batch is larger.
        key: what is the same for equal denoisers, which are made once; None makes another one.

    Raises:
        UserError: the denoiser or the device cannot compute so.
    """
    precision = resolve_precision(denoiser, config.precision, device_type, device)
    # The same for every worker, whichever blocks it gets: the largest batch of the run.
    size = min(config.block_size, items)
    if config.batch_size != AUTO:
        size = min(config.images_at_once, size)
    if config.compile != "off":
        if not isinstance(denoiser, Preconditioning):
            given, which = f"{named('compile')}={config.compile}", type(denoiser).__name__
            raise UserError(f"{given}: is of networks, and {config.model.name} is none ({which}); take compile=off")
        require_compiler(config.compile, device_type)
    if not isinstance(denoiser, Preconditioning):
        return denoiser, precision
    if (denoiser.own_precision(device_type), precision, config.compile) == ("fp32", "fp32", "off"):
        # What it computes in where nothing is said.
        return denoiser, precision
    network = denoiser

    def make() -> Denoiser:
        made = network.in_precision(precision)
        return made if config.compile == "off" else Compiled(made, config.compile, size)

    if key is None:
        return make(), precision
    return loaded_once(("as configured", key, precision, config.compile, size, device), make), precision
