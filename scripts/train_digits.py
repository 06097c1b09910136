"""Makes the embedded assets from scikit-learn's digits: the EDM network, its detector, the reference statistics.

    pip install -e '.[train]'
    python scripts/train_digits.py network     # about 20 minutes on 2 cores
    python scripts/train_digits.py detector    # about 1 minute; also writes the reference

The data are 1,797 images of 8×8 pixels with values 0..16, taken to [-1, 1]. The network is a class-conditional
DDPM++ trained with EDM's loss (Karras et al. 2022, Table 1 and section 5) and an exponential moving average of its
weights. Same seed, machine and number of threads: same weights.
"""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import trange

from bdia_edm.checkpoints.safetensors_file import write_network
from bdia_edm.detectors.digits import DigitsDetector
from bdia_edm.engine.batch import to_uint8
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.reference import write_features, write_reference
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.models.preconditioning import EDMPrecond

ASSETS = Path(__file__).resolve().parent.parent / "bdia_edm" / "assets"
SIGMA_DATA = 0.75
P_MEAN, P_STD = -1.2, 1.2
NETWORK: dict[str, Any] = {
    "img_resolution": 8,
    "img_channels": 1,
    "label_dim": 10,
    "sigma_data": SIGMA_DATA,
    "model_type": "SongUNet",
    "model_channels": 32,
    "channel_mult": [1, 2],
    "num_blocks": 2,
    "attn_resolutions": [4],
    "dropout": 0.1,
}


def load_digits() -> tuple[Tensor, Tensor]:
    """Pixels (1797, 1, 8, 8) in [-1, 1] and labels (1797,)."""
    from sklearn import datasets

    digits = datasets.load_digits()
    return torch.from_numpy(digits.images).float()[:, None] / 8 - 1, torch.from_numpy(digits.target)


def edm_loss(network: EDMPrecond, x: Tensor, labels: Tensor) -> Tensor:
    """Karras et al. 2022, equation 8 with lambda(sigma) = (sigma² + sigma_data²)/(sigma sigma_data)²."""
    sigma = (torch.randn(x.shape[0], 1, 1, 1) * P_STD + P_MEAN).exp()
    weight = (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2
    denoised = network(x + sigma * torch.randn_like(x), sigma.flatten(), labels)
    return (weight * (denoised - x) ** 2).mean()


@click.group()
def main() -> None:
    """Trains the embedded assets."""


@main.command("network")
@click.option("--iterations", default=6000, show_default=True)
@click.option("--batch", default=256, show_default=True)
@click.option("--learning-rate", default=1e-3, show_default=True)
@click.option("--ema", default=0.999, show_default=True, help="decay of the moving average, per iteration")
@click.option("--seed", default=0, show_default=True)
@click.option("--dest", default=ASSETS / "digits.safetensors", type=click.Path(path_type=Path), show_default=False)
def network_command(iterations: int, batch: int, learning_rate: float, ema: float, seed: int, dest: Path) -> None:
    """The denoiser."""
    torch.manual_seed(seed)
    x, labels = load_digits()
    one_hot = functional.one_hot(labels, 10).float()
    click.echo(f"standard deviation of the pixels: {x.std().item():.4f}", err=True)
    network = EDMPrecond(**NETWORK)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.9, 0.99))
    start, losses = time.monotonic(), []
    for i in trange(iterations, mininterval=10):
        warm_up = min((i + 1) / 200, 1)
        optimizer.param_groups[0]["lr"] = learning_rate * warm_up * (1 + math.cos(math.pi * i / iterations)) / 2
        pick = torch.randint(len(x), (batch,))
        loss = edm_loss(network, x[pick], one_hot[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay = min(ema, (1 + i) / (10 + i))
        for kept, new in zip(average.parameters(), network.parameters(), strict=True):
            kept.lerp_(new.detach(), 1 - decay)
        losses.append(loss.item())
        if (i + 1) % 500 == 0:
            click.echo(f"iteration {i + 1}: loss {np.mean(losses[-500:]):.4f}", err=True)
    minutes = (time.monotonic() - start) / 60
    notes = {"made_by": f"scripts/train_digits.py network --iterations {iterations} --batch {batch} --seed {seed}"}
    write_network(dest, average, NETWORK, "denoiser", notes)
    parameters = sum(p.numel() for p in network.parameters())
    click.echo(f"{dest.name}: {parameters} parameters, {iterations} iterations in {minutes:.1f} minutes")


@main.command("detector")
@click.option("--epochs", default=40, show_default=True)
@click.option("--batch", default=64, show_default=True)
@click.option("--test", "num_test", default=360, show_default=True, help="images kept from training, for the accuracy")
@click.option("--seed", default=0, show_default=True)
@click.option("--dest", default=ASSETS, type=click.Path(path_type=Path), show_default=False, help="folder")
def detector_command(epochs: int, batch: int, num_test: int, seed: int, dest: Path) -> None:
    """The detector, the reference statistics and all features; prints how far two halves of the data are apart."""
    torch.manual_seed(seed)
    x, labels = load_digits()
    images = to_uint8(x)
    order = torch.randperm(len(images))
    test, train = order[:num_test], order[num_test:]
    detector = DigitsDetector()
    steps = epochs * (len(train) // batch)
    optimizer = torch.optim.AdamW(detector.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    for _ in trange(epochs, mininterval=10):
        for pick in train[torch.randperm(len(train))].split(batch):
            if len(pick) < batch:
                continue
            loss = functional.cross_entropy(detector.with_logits(images[pick])[1], labels[pick], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    detector.eval().requires_grad_(False)
    accuracy = (detector.with_logits(images[test])[1].argmax(1) == labels[test]).float().mean().item()
    notes = {"made_by": f"scripts/train_digits.py detector --epochs {epochs} --batch {batch} --seed {seed}"}
    write_network(dest / "digits_detector.safetensors", detector, {}, "detector", notes)

    features = detector(images).numpy()
    write_reference(dest / "digits_reference.npz", statistics_of(features), "digits")
    # A file of its own: the reference's checksum is in every record's identity.
    write_features(dest / "digits_reference_features.npz", features, "digits")
    halves = []
    for _ in range(10):
        shuffled = features[torch.randperm(len(features)).numpy()]
        a, b = (statistics_of(half).mean_and_covariance() for half in np.array_split(shuffled, 2))
        halves.append(frechet_distance(*a, *b))
    click.echo(
        f"test accuracy {accuracy:.2%} on {num_test} images; two random halves of the data are "
        f"{np.mean(halves):.3f} apart (10 splits, {min(halves):.3f} to {max(halves):.3f})"
    )


def statistics_of(features: np.ndarray) -> FeatureStatistics:
    """Statistics of features (n, F)."""
    statistics = FeatureStatistics(features.shape[1])
    statistics.add(features)
    return statistics


if __name__ == "__main__":
    main()
