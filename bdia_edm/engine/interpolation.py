"""Images between two inverted ones: spherical interpolation of their latents, and the way down from there.

Latents at sigma_max are close to noise, whose norm is about sigma_max sqrt(d): a straight line between two of them
would pass at 0.7 of that norm, where the network has seen nothing. So they are mixed along the great circle (Shoemake
1985, "Animating rotation with quaternion curves", SIGGRAPH), as Song, Meng and Ermon mix DDIM's latents (2021, arXiv
2010.02502, appendix D.5):

    slerp(a, b; w) = sin((1-w) theta)/sin(theta) a + sin(w theta)/sin(theta) b,   theta the angle between a and b

A coupled method's two states (EDICT, Rex) are both latents, mixed each by its own angle. The partner of a two-step
method (BDIA, O-BELM) is no latent but the next state of the way down: a step of the plain method, and a deviation from
it that makes the way exact. So the step is made from the mixed latent, and the deviations are mixed, linearly. The ends
are the same as where partners are mixed as latents are; between, such a pair disagrees by as much as the step is not
linear, and BDIA at gamma 1, which damps nothing, multiplies that on the way down. On six pairs of digits (Heun, 18
steps, 9 frames) neighbours then are up to 3.6 apart, with values up to 14; as it is 0.98 and 4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bdia_edm.engine.precision import full_precision
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler, TwoStepSampler

__all__ = ["angles", "interpolate", "slerp"]

# Below it the great circle and the line are the same to float64's rounding.
_SMALLEST_SINE = 1e-8


def angles(start: Tensor, end: Tensor) -> Tensor:
    """The angles (N,) between vectors (N, ...), each flattened, in radians; NaN where one is 0.

    By Kahan's formula, which keeps its digits near 0 and pi, where the arc cosine loses half of them.
    """
    u, v = (each.flatten(1) / each.flatten(1).norm(dim=1, keepdim=True) for each in (start, end))
    return 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))


def slerp(start: Tensor, end: Tensor, weights: Tensor) -> Tensor:
    """Vectors (N, ...) on the way from ``start`` (N, ...) at weight 0 to ``end`` at 1, each flattened; both ends exact.

    Of vectors of one norm all between have it too; else the norm goes over from one to the other. On the straight line
    where they have the same direction, or opposite ones, between which no great circle is singled out, or one is 0.

    Args:
        start, end: float64.
        weights: (N,), from 0 to 1, on the same device.
    """
    theta = angles(start, end)
    sine = theta.sin()
    curved = sine > _SMALLEST_SINE
    of_start = torch.where(curved, ((1 - weights) * theta).sin() / sine, 1 - weights)
    of_end = torch.where(curved, (weights * theta).sin() / sine, weights)
    shape = (-1, *[1] * (start.ndim - 1))
    return of_start.view(shape) * start + of_end.view(shape) * end


@torch.inference_mode()
def interpolate(
    denoiser: Denoiser,
    sampler: InvertibleSampler,
    start: Tensor,
    end: Tensor,
    weights: Tensor,
    start_labels: Tensor | None = None,
    end_labels: Tensor | None = None,
) -> tuple[Tensor, int]:
    """One batch of images between others' latents; in full float32, whose flags are put back afterwards.

    Args:
        denoiser: the network.
        sampler: the one that inverted.
        start, end: (K, N, C, H, W) float64 on the network's device: what ``sampler.invert`` ended with.
        weights: (N,) float64, there too: 0 is ``start``.
        start_labels, end_labels: one-hot (N, label_dim) float32, there too; None where there are no classes.

    Returns:
        The images (N, C, H, W) float64 at sigma_min, about in [-1, 1], and the evaluations of the denoiser per image;
        of two-step methods with those of three first steps, from both ends and from between.

    Raises:
        UserError: as ``InvertibleSampler.forward``.
    """
    labels = None
    if start_labels is not None and end_labels is not None:
        labels = torch.lerp(start_labels, end_labels, weights.to(start_labels.dtype)[:, None])
    bound, *of_ends = (BatchDenoiser(denoiser, each) for each in (labels, start_labels, end_labels))
    states = [slerp(a, b, weights) for a, b in zip(start, end, strict=True)]
    with full_precision():
        if isinstance(sampler, TwoStepSampler):
            of_start, of_end = (
                each[1] - _ahead(sampler, of, each[0]) for of, each in zip(of_ends, (start, end), strict=True)
            )
            deviation = torch.lerp(of_start, of_end, weights[:, None, None, None])
            states[1] = _ahead(sampler, bound, states[0]) + deviation
        for _, down in sampler.forward(bound, *states):
            images = down[0]
    return images, bound.nfe + sum(each.nfe for each in of_ends)


def _ahead(sampler: TwoStepSampler, denoiser: BatchDenoiser, x: Tensor) -> Tensor:
    """The state after the first step, the plain method's, from the latents x."""
    _, states = next(iter(sampler.forward(denoiser, x)))
    return states[1]
