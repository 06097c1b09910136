"""Parts of the user's own: whether they are what they stand for, and what identifies them."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import torch
from torch import nn

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.detector import Detector
from bdia_edm.metrics.metric import Metric
from bdia_edm.models.denoiser import Denoiser

__all__ = ["OwnParts", "own_sources", "state_checksum"]

_PACKAGE = __name__.partition(".")[0]
_DENOISER = ("img_resolution", "img_channels", "label_dim", "sigma_min", "sigma_max", "round_sigma", "__call__")
_DETECTOR = ("name", "num_features", "num_logits", "checksum", "distance_name", "with_logits", "__call__")
_METRIC = ("name", "needs", "compute")


@dataclass(frozen=True)
class OwnParts:
    """Objects of the user's own that take the place of what the config names.

    Attributes:
        denoiser: on the run's device; see ``models.denoiser``.
        detector: likewise; see ``detectors.detector``.
        metrics: instead of the option ``metric``.
        sampler: whether the config's is an object of the user's.

    Raises:
        UserError: one lacks what such a part must have.
    """

    denoiser: Denoiser | None = None
    detector: Detector | None = None
    metrics: Sequence[Metric] | None = None
    sampler: bool = False

    def __post_init__(self) -> None:
        if self.denoiser is not None:
            _require("denoiser", self.denoiser, _DENOISER, "Denoiser")
        if self.detector is not None:
            _require("detector", self.detector, _DETECTOR, "Detector")
        if self.metrics is not None:
            if not isinstance(self.metrics, list | tuple):
                raise UserError(f"metrics: must be a list of metrics, not {type(self.metrics).__name__}")
            for metric in self.metrics:
                _require("metrics", metric, _METRIC, "Metric")

    @property
    def names(self) -> list[str]:
        """What there is."""
        given = {"denoiser": self.denoiser, "detector": self.detector, "metrics": self.metrics}
        return [name for name, part in given.items() if part is not None] + ["sampler"] * self.sampler

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.names)


def _require(what: str, part: object, attributes: Sequence[str], kind: str) -> None:
    if isinstance(part, type | str):
        raise UserError(f"{what}: must be an object, a {kind}; {part!r} is none")
    missing = [name for name in attributes if not hasattr(part, name)]
    if missing:
        raise UserError(
            f"{what}: {type(part).__name__} has no {', '.join(missing)}; it must be derived from bdia_edm.api.{kind}, "
            "or have all that one has"
        )


def state_checksum(what: str, part: object) -> str:
    """What an object of the user's own computes with, beside its source: its attributes, and a module's tensors."""
    said = getattr(part, "checksum", None)
    if isinstance(said, str):
        return said
    digest = hashlib.sha256()
    modules = list(part.named_modules()) if isinstance(part, nn.Module) else [("", part)]
    for name, each in modules:
        held: dict[str, object] = getattr(each, "__dict__", {})
        if not isinstance(each, nn.Module) and not all(_is_plain(value) for value in held.values()):
            raise UserError(
                f"{what}: {type(part).__name__} needs an attribute 'checksum', a text that changes with what it "
                "computes, or to be a torch.nn.Module"
            )
        plain = sorted((key, repr(value)) for key, value in held.items() if _is_plain(value))
        digest.update(f"{name} {type(each).__module__}.{type(each).__qualname__} {plain}".encode())
    if isinstance(part, nn.Module):
        for name, tensor in itertools.chain(part.named_parameters(), part.named_buffers()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, int | float | str | bool)


def own_sources(parts: Mapping[str, type]) -> dict[str, str]:
    """Checksums of the source of those classes that are the user's: edited code gives other figures.

    What their modules import of the user's further modules is not looked at.
    """
    found: dict[str, str] = {}
    for what, kind in parts.items():
        sources = [_source(each) for each in kind.__mro__ if _is_users(each)]
        if sources:
            found[f"source of {what}"] = hashlib.sha256("".join(sources).encode()).hexdigest()
    return found


def _is_users(kind: type) -> bool:
    """Whether neither this program nor an installed package defines the class."""
    if kind.__module__.partition(".")[0] in (_PACKAGE, "builtins"):
        return False
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is None or not any(Path(file).is_relative_to(path) for path in set(sysconfig.get_paths().values()))


def _source(kind: type) -> str:
    """The text of the module that defines the class: what it does also lies in the functions around it.

    Of a class of an interactive session, which has no file, the compiled methods alone.
    """
    module = sys.modules.get(kind.__module__)
    try:
        if module is not None:
            return inspect.getsource(module)
    except (OSError, TypeError):
        pass
    methods = [method for method in vars(kind).values() if inspect.isfunction(method)]
    return "".join(f"{method.__qualname__} {_compiled(method.__code__)}" for method in methods)


def _compiled(code: CodeType) -> str:
    """What a function does, without where it was written."""
    inner = [_compiled(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {inner}"
