"""Nothing between the first batch of a block and its last waits for the GPU, copies from or to it, or mixes devices.

Shown on a machine without a GPU: see tests/fake_gpu.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bdia_edm.base.options import options_of
from bdia_edm.detectors.detector import NetworkDetector
from bdia_edm.detectors.digits import DigitsDetector
from bdia_edm.detectors.dinov2 import VisionTransformer, dinov2_network
from bdia_edm.detectors.extractors import ExtractorFeatures
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.batch import sample_images, to_uint8
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.compiled import Compiled
from bdia_edm.engine.plan import Block
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.precision import PRECISIONS
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import SAMPLERS, make_sampler
from bdia_edm.samplers.sampler import EDMStepsSampler, Noise, Sampler
from tests.detector_files import random_inception
from tests.fake_gpu import FakeGPU
from tests.references import build

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mixture": GaussianMixture,
    **{
        name: lambda name=name: build(name)
        for name in (
            "tiny-song-vp-cond",
            "tiny-song-ve-uncond",
            "tiny-adm-cond",
            "tiny-song-vp-cond-VPPrecond",
            "tiny-song-ve-uncond-VEPrecond",
            "tiny-adm-cond-iDDPMPrecond",
        )
    },
}
DETECTORS: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    "digits": (8, DigitsDetector),
    "dinov2": (32, lambda: dinov2_network(VisionTransformer(64, 1, 37, gated=False).state_dict())),
    "inception": (32, lambda: ExtractorFeatures(random_inception())),
}


def every_setting() -> Iterator[Sampler]:
    """Every sampler with every choice that its options offer, each beside the others' defaults, with churn too."""
    for name in SAMPLERS.names():
        options = list(options_of(SAMPLERS[name]))
        needed: dict[str, Any] = {field.name: 1.0 for field, _ in options if field.default is MISSING}
        # So many that a multistep method reaches its order.
        needed["num_steps"] = 6 if any(field.name == "order" for field, _ in options) else 3
        churns: list[dict[str, Any]] = [{}]
        if any(field.name == "S_churn" for field, _ in options):
            churns.append({"S_churn": 2})
        for churn in churns:
            yield make_sampler(name, needed | churn)
            for field, facts in options:
                for choice in (not field.default,) if isinstance(field.default, bool) else facts.one_of:
                    yield make_sampler(name, needed | churn | {field.name: choice})


SETTINGS = {repr(sampler): sampler for sampler in every_setting()}


@pytest.fixture(scope="module")
def gpu() -> FakeGPU:
    return FakeGPU()


def sample(
    gpu: FakeGPU, network: str, sampler: Sampler, monkeypatch: pytest.MonkeyPatch, device: str = "cuda:0"
) -> None:
    """A batch and its pixels, and that they are on the GPU and nothing else was done."""
    with gpu.running(monkeypatch):
        denoiser = gpu.network(network, NETWORKS[network], device)
        images, labels, _ = sample_images(denoiser, sampler, range(3), device=device)
        pixels = to_uint8(images)
        assert {str(tensor.device) for tensor in (images, labels, pixels)} == {device}
        assert (images.dtype, pixels.dtype) == (torch.float64, torch.uint8)
        assert gpu.copies == []


def test_there_are_settings_with_and_without_churn() -> None:
    assert {sampler.name for sampler in SETTINGS.values()} == set(SAMPLERS.names())
    assert {sampler.options().get("S_churn") for sampler in SETTINGS.values()} == {None, 0.0, 2.0}


@pytest.mark.parametrize("sampler", SETTINGS.values(), ids=[sampler.label for sampler in SETTINGS.values()])
def test_every_sampler(sampler: Sampler, gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    sample(gpu, "mixture", sampler, monkeypatch)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("churn", [0, 2])
def test_every_network(network: str, churn: float, gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    sample(gpu, network, make_sampler("edm", {"num_steps": 3, "S_churn": churn}), monkeypatch)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["tiny-adm-cond", "tiny-song-ve-uncond"])
def test_every_precision(
    name: str, compiled: bool, precision: str, gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a compiled network does beside its graph: of the three images it makes a batch of five."""
    monkeypatch.setattr(nn.Module, "compile", lambda module, **how: None)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: None)

    def made() -> nn.Module:
        network = build(name).in_precision(precision)
        return Compiled(network, "max", 5) if compiled else network

    which = f"{name} {precision}{' compiled' if compiled else ''}"
    monkeypatch.setitem(NETWORKS, which, made)
    sample(gpu, which, make_sampler("edm", {"num_steps": 3, "S_churn": 2}), monkeypatch)


@pytest.mark.parametrize("network", NETWORKS)
def test_another_gpu_than_the_first(network: str, gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made on the first one, with which it could not be computed: fakes of two GPUs do not mix either."""
    sample(gpu, network, make_sampler("edm", {"num_steps": 2, "S_churn": 2}), monkeypatch, "cuda:1")


@pytest.mark.parametrize(
    ("name", "channels"), [("digits", 1), ("dinov2", 1), ("dinov2", 3), ("inception", 1), ("inception", 3)]
)
def test_every_detector(name: str, channels: int, gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    size, make = DETECTORS[name]
    with gpu.running(monkeypatch):
        network = gpu.network(name, lambda: make().eval().requires_grad_(False))
        detector = NetworkDetector(name, network, 0, "", torch.device("cuda"))
        images = torch.zeros(2, channels, size, size, dtype=torch.uint8, device="cuda")
        with torch.inference_mode():
            features = detector(images)
        assert (features.device.type, features.dtype, len(features)) == ("cuda", torch.float32, 2)
        assert PixelDetector((channels, size, size))(images).device.type == "cuda"
        assert gpu.copies == []


def test_a_block_is_read_back_at_its_end_alone(gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing that the host asks for is whether the images are finite, after all three batches."""
    done: list[int] = []
    with gpu.running(monkeypatch):
        network, detector = gpu.network("mixture", GaussianMixture), PixelDetector((1, 4, 4))
        device = torch.device("cuda")
        worker = BlockSampler(network, make_sampler("euler", {"num_steps": 2}), detector, device, 10, keep_images=True)
        with pytest.raises(RuntimeError, match=r"tolist|item|_local_scalar_dense"):
            worker.run(Block(0, 0, tuple(range(25))), done.append, print)
        assert len(gpu.copies) == 1
    assert done == [10, 10, 5]


@dataclass(frozen=True, kw_only=True)
class Waiting(EDMStepsSampler):
    """Does, once a step, what no sampler may do."""

    name = title = "waiting"
    mistake: Callable[[Tensor, float], object]

    def solve(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Sequence[float], noise: Noise) -> Iterator[Tensor]:
        for t in time_steps[:-1]:
            x = denoiser(x, t)
            self.mistake(x, t)
            yield x


MISTAKES: dict[str, Callable[[Tensor, float], object]] = {
    "a level is copied to the GPU": lambda x, t: x * torch.tensor(t, device=x.device),
    "a CPU tensor is copied to the GPU": lambda x, t: x * torch.ones(4).to(x.device),
    "a state is read back": lambda x, t: x.cpu(),
    "a value is read": lambda x, t: x.sum().item(),
    "a tensor is compared": lambda x, t: 1 if (x > t).all() else 0,
    "a mask is an index": lambda x, t: x[x > t],
    "an index of the CPU": lambda x, t: x[torch.tensor([0, 1])],
    "a number is copied into a tensor": lambda x, t: x.copy_(torch.tensor(t)),
    "nonzero": lambda x, t: x.nonzero(),
    "a tensor of the CPU": lambda x, t: x * torch.ones(4),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found(mistake: str, gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler: Any = Waiting(num_steps=3, mistake=MISTAKES[mistake])
    with pytest.raises((AssertionError, RuntimeError, torch._subclasses.fake_tensor.DynamicOutputShapeException)):
        sample(gpu, "mixture", sampler, monkeypatch)
    sample(gpu, "mixture", Waiting(num_steps=3, mistake=lambda x, t: x * t), monkeypatch)
