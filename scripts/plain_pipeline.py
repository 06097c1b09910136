"""Sampling and measuring as it is usually done, to compare with: from seeds to PNG files, from these to a distance.

    python -m scripts.plain_pipeline --model digits --images 500 --steps 9

Nothing here is meant to be slow, and nothing is done for speed: EDM's sampler on the eager network with PyTorch's
default flags, noise levels as tensors, all processes waiting for each other after every batch; every image a PNG file,
which is read back for the detector; the distance by scipy's matrix square root. The same seeds give the images of
``sampler=edm``, and their distance (tests/test_plain_pipeline.py).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bdia_edm.api import Denoiser, Detector, prepare

__all__ = ["PlainRun", "distance_by_sqrtm", "features_of", "main", "run_plainly", "sample_to_files"]


@dataclass(frozen=True)
class PlainRun:
    """What came out.

    Attributes:
        sampling, features, distance_seconds: seconds of the three stages.
        distance: the Fréchet distance; NaN where no reference was given.
    """

    sampling: float
    features: float
    distance_seconds: float
    distance: float


def run_plainly(
    denoiser: Denoiser,
    detector: Detector,
    seeds: Sequence[int],
    num_steps: int,
    batch_size: int,
    device: torch.device,
    folder: Path,
    reference: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> PlainRun:
    """Images, features and distance of these seeds.

    Args:
        folder: for the PNG files.
        reference: the data's mean (F,) and covariance (F, F); without it there is no distance.
    """
    start = time.perf_counter()
    sample_to_files(denoiser, seeds, num_steps, batch_size, device, folder)
    sampled = time.perf_counter()
    features = features_of(folder, detector, batch_size, device)
    measured = time.perf_counter()
    distance = float("nan")
    if reference is not None:
        mean, covariance = features.mean(axis=0), np.cov(features, rowvar=False)
        distance = distance_by_sqrtm(mean, covariance, *reference)
    return PlainRun(sampled - start, measured - sampled, time.perf_counter() - measured, distance)


@torch.no_grad()
def sample_to_files(
    denoiser: Denoiser, seeds: Sequence[int], num_steps: int, batch_size: int, device: torch.device, folder: Path
) -> None:
    """Writes an image a seed: Karras et al. 2022 (arXiv 2206.00364), Algorithm 1, 2N - 1 evaluations."""
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(seeds), batch_size):
        _wait_for_all(device)
        batch = seeds[first : first + batch_size]
        images = _sampled(denoiser, batch, num_steps, device)
        pixels = (images * 127.5 + 128).clip(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        for seed, image in zip(batch, pixels, strict=True):
            Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(folder / f"{seed:010d}.png")


def _sampled(denoiser: Denoiser, seeds: Sequence[int], num_steps: int, device: torch.device) -> Tensor:
    shape = (denoiser.img_channels, denoiser.img_resolution, denoiser.img_resolution)
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    latents = torch.stack([torch.randn(shape, generator=generator, device=device) for generator in generators])
    labels: Tensor | None = None
    if denoiser.label_dim:
        drawn = [torch.randint(denoiser.label_dim, (), generator=each, device=device) for each in generators]
        labels = torch.eye(denoiser.label_dim, device=device)[torch.stack(drawn)]
    lowest, highest = max(0.002, denoiser.sigma_min), min(80.0, denoiser.sigma_max)
    place = torch.arange(num_steps, dtype=torch.float64, device=device) / (num_steps - 1)
    levels = (highest ** (1 / 7) + place * (lowest ** (1 / 7) - highest ** (1 / 7))) ** 7
    levels = torch.cat([levels, torch.zeros_like(levels[:1])])
    x = latents.to(torch.float64) * levels[0]
    for i in range(num_steps):
        here, there = levels[i], levels[i + 1]
        slope = (x - denoiser(x, here, labels).to(torch.float64)) / here
        ahead = x + (there - here) * slope
        if i < num_steps - 1:
            slope = (slope + (ahead - denoiser(ahead, there, labels).to(torch.float64)) / there) / 2
            ahead = x + (there - here) * slope
        x = ahead
    return x


def _wait_for_all(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


class _Files(Dataset[Tensor]):
    def __init__(self, folder: Path) -> None:
        self._paths = sorted(folder.glob("*.png"))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        pixels = np.array(Image.open(self._paths[index]))
        return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)


@torch.no_grad()
def features_of(folder: Path, detector: Detector, batch_size: int, device: torch.device) -> NDArray[np.float64]:
    """Features (N, F) of the folder's PNG files, by name.

    On a GPU two processes read, while it works; on a CPU they would only take the detector's cores.
    """
    readers = 2 if device.type == "cuda" else 0
    found: list[NDArray[np.float64]] = []
    for batch in DataLoader(_Files(folder), batch_size, num_workers=readers):
        _wait_for_all(device)
        found.append(detector(batch.to(device)).to(torch.float64).cpu().numpy())
    return np.concatenate(found)


def distance_by_sqrtm(
    mean1: NDArray[np.float64], cov1: NDArray[np.float64], mean2: NDArray[np.float64], cov2: NDArray[np.float64]
) -> float:
    """|m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½), the root as it stands: Heusel et al. 2017 (arXiv 1706.08500)."""
    root = np.real(scipy.linalg.sqrtm(cov1 @ cov2))
    difference = mean1 - mean2
    return float(difference @ difference + np.trace(cov1 + cov2 - 2 * root))


@click.command(help=__doc__.partition("\n")[0] if __doc__ else None)
@click.option("--model", default="digits", show_default=True, help="a card of conf/model whose files are at hand")
@click.option("--images", default=500, show_default=True, help="of the seeds from 0 on")
@click.option("--steps", default=18, show_default=True, help="of EDM's sampler")
@click.option("--batch", default=250, show_default=True, help="images at once")
@click.option("--device", default="auto", show_default=True, help="as of bdia_edm.sample")
def main(model: str, images: int, steps: int, batch: int, device: str) -> None:
    """Prints the distance and the seconds of each stage."""
    with tempfile.TemporaryDirectory() as folder:
        run = prepare(f"+model={model}", "seeds=0-1", f"device={device}", f"results_dir={folder}/runs")
        assert run.detector is not None
        assert run.reference is not None
        reference = run.reference.mean, run.reference.covariance
        files = Path(folder) / "images"
        found = run_plainly(run.denoiser, run.detector, range(images), steps, batch, run.device, files, reference)
    click.echo(f"{run.detector.distance_name} {found.distance:.6g}")
    click.echo(f"sampling {found.sampling:.2f} s, features {found.features:.2f} s, root {found.distance_seconds:.2f} s")


if __name__ == "__main__":
    main()
