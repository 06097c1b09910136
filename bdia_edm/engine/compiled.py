"""A network compiled by torch.compile, for batches of one size.

A graph of fixed shapes is the fastest, and every new shape takes the compiler up to minutes. So a batch that is short
(a block's last one) is filled up with copies of its first image, and what was added is cut off again. Where the
device's memory does not hold a batch, the engine goes on with halves of it: then the size is halved too, and compiled
once more.

The inner network alone is compiled; preconditioning and sampler stay as they are.
"""

from __future__ import annotations

import os
import shlex
import shutil
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.engine.device import says_out_of_memory
from bdia_edm.models.preconditioning import ClassEmbedding, Preconditioning

__all__ = ["MODES", "Compiled", "require_compiler"]

MODES = {"default": None, "max": "max-autotune"}
"""What torch.compile calls them."""
_LONGEST = 300


class Compiled(nn.Module):
    """A denoiser that computes with a compiled network.

    Args:
        network: shared, and left as it is.
        how: 'default', or 'max': kernels chosen by timing them, and on a GPU CUDA graphs.
        batch_size: of whole batches.

    Attributes:
        size: of the batches that the network is given.
    """

    def __init__(self, network: Preconditioning, how: str, batch_size: int) -> None:
        super().__init__()
        self.network = network.shared_copy()
        self.network.model.compile(mode=MODES[how], fullgraph=True, dynamic=False)
        self.compiled, self.size = how, batch_size
        self.img_resolution, self.img_channels = network.img_resolution, network.img_channels
        self.label_dim, self.sigma_min, self.sigma_max = network.label_dim, network.sigma_min, network.sigma_max
        self.precision = network.precision

    def forward(self, x: Tensor, sigma: Tensor | float, class_labels: Tensor | ClassEmbedding | None = None) -> Tensor:
        """As the network's, of any number of images.

        Raises:
            UserError: the network cannot be compiled.
        """
        num = len(x)
        self.size = max(self.size, num)
        rest = self.size - num
        if isinstance(sigma, Tensor) and sigma.ndim:
            sigma = _filled(sigma, num, rest)
        if isinstance(class_labels, ClassEmbedding):
            class_labels = ClassEmbedding(_filled(class_labels.rows, num, rest))
        elif class_labels is not None:
            class_labels = _filled(class_labels, num, rest)
        if x.is_cuda and self.compiled == "max":
            # What the graph gave before was used up within its evaluation.
            torch.compiler.cudagraph_mark_step_begin()
        try:
            denoised: Tensor = self.network(_filled(x, num, rest), sigma, class_labels)
        except Exception as error:
            if says_out_of_memory(error):
                self.size = max(self.size // 2, 1)
            elif type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                given = f"{named('compile')}={self.compiled}"
                why = one_line(error, _LONGEST)
                raise UserError(f"{given}: the network cannot be compiled here; take compile=off: {why}") from error
            raise
        return denoised[:num]

    def own_precision(self, device_type: str) -> str:
        """The network's."""
        return self.network.own_precision(device_type)

    def embed_classes(self, class_labels: Tensor | None) -> Tensor | ClassEmbedding | None:
        """The network's."""
        return self.network.embed_classes(class_labels)

    def round_sigma(self, sigma: Tensor) -> Tensor:
        """The network's."""
        return self.network.round_sigma(sigma)


def _filled(values: Tensor, num: int, rest: int) -> Tensor:
    """values (num, ...) and ``rest`` times the first of them; what is one row for all images stays so."""
    if not rest or len(values) != num:
        return values
    return torch.cat([values, values[:1].expand(rest, *values.shape[1:])])


def require_compiler(how: str, device_type: str) -> None:
    """Raises UserError where torch.compile finds no compiler for the code that it writes."""
    given = f"{named('compile')}={how}"
    if device_type == "cuda" and find_spec("triton") is None:
        raise UserError(f"{given}: needs triton, which is not installed here; take compile=off")
    # As PyTorch looks for them: C++ for the CPU, C for triton's launchers.
    variable, usual = ("CC", "gcc") if device_type == "cuda" else ("CXX", "g++")
    compiler = shlex.split(os.environ.get(variable) or usual)[0]
    if shutil.which(compiler) is None:
        raise UserError(f"{given}: needs a compiler, and there is no {compiler} here ({variable}); take compile=off")
