"""An inverted picture: the noise that leads back to it, and all that the way back needs. One inversion, many edits.

It is kept in a safetensors file: the arrays, and the settings as JSON in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.options import read_options
from bdia_edm.base.whole_files import written_whole
from bdia_edm.text_to_image.method import Kept, Method, make_method
from bdia_edm.text_to_image.pictures import psnr, rms
from bdia_edm.text_to_image.prediction import Level

__all__ = ["Inverted", "Settings"]

_FORMAT = "bdia_edm inverted picture 1"
_ARRAYS = ("levels", "states", "latent")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a picture was inverted.

    Attributes:
        prompt, negative_prompt: of the source.
        guidance_scale: g.
        low_memory: whether guidance's two evaluations were made one after the other.
        prediction_type: what the network predicts.
        network_dtype: the network's type; another one does not lead back exactly.
        evaluations, gradients: of the inversion; one forward, one backward of one latent with one prompt.
    """

    prompt: str
    negative_prompt: str
    guidance_scale: float
    low_memory: bool
    prediction_type: str
    network_dtype: str
    evaluations: int
    gradients: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Inverted:
    """What ``invert`` gives.

    ``exact`` methods return to ``latent``, to rounding or bit for bit, from ``kept``'s pair with the same prompt and
    guidance: picture -> pair -> picture. From z_N alone they do not, and no method returns more than ``vae_picture``.

    Attributes:
        method: with its options.
        settings: the rest of them.
        levels: that the way passed, falling, the data's last.
        kept: the pair at the noisiest level, and null-text's embeddings.
        latent: z_0 (1, C, h, w), the picture's.
        picture, vae_picture: (H, W, 3) uint8: the original, and what the autoencoder alone makes of it.
    """

    method: Method
    settings: Settings
    levels: list[Level]
    kept: Kept
    latent: Tensor
    picture: NDArray[np.uint8]
    vae_picture: NDArray[np.uint8]

    @property
    def deviation(self) -> float:
        """The standard deviation of z_N, about 1 where it is like noise."""
        return float(self.kept.states[0].double().std(correction=0))

    @property
    def vae_rms(self) -> float:
        """The root mean square error of the autoencoder's reconstruction, in grey levels of 255."""
        return rms(self.vae_picture, self.picture)

    @property
    def vae_psnr(self) -> float:
        """The same as a peak signal-to-noise ratio in dB: the most that any round trip is likely to have."""
        return psnr(self.vae_picture, self.picture)

    def save(self, path: str | Path) -> None:
        """Writes it to a safetensors file."""
        tensors = {
            "states": self.kept.states,
            "latent": self.latent,
            "levels": torch.tensor(self.levels, dtype=torch.float64),
            "picture": torch.from_numpy(np.array(self.picture)),
            "vae_picture": torch.from_numpy(np.array(self.vae_picture)),
        }
        if self.kept.negatives is not None:
            tensors["negatives"] = self.kept.negatives
        metadata = {
            "format": _FORMAT,
            "method": self.method.name,
            "options": json.dumps(self.method.options()),
            "settings": json.dumps(asdict(self.settings)),
        }
        with written_whole(Path(path)) as partial:
            save_file({name: each.detach().cpu().contiguous() for name, each in tensors.items()}, partial, metadata)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> Inverted:
        """Reads what ``save`` wrote.

        Raises:
            UserError: the file is missing, damaged or another one.
        """
        try:
            with safe_open(Path(path), framework="pt") as file:
                metadata: Mapping[str, str] = dict(file.metadata() or {})
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(f"{path}: not a readable inverted picture: {one_line(error)}") from error
        if metadata.get("format") != _FORMAT:
            raise UserError(f"{path}: must be a file that Inverted.save wrote ({_FORMAT})")
        try:
            return cls._from(metadata, {name: each.to(device) for name, each in tensors.items()})
        except (KeyError, TypeError, ValueError, RecursionError, UserError) as error:
            words = str(error) if isinstance(error, UserError) else repr(error)
            raise UserError(f"{path}: a damaged inverted picture: {one_line(words)}") from error

    @classmethod
    def _from(cls, metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> Inverted:
        method = make_method(metadata["method"], json.loads(metadata["options"]))
        settings: dict[str, Any] = json.loads(metadata["settings"])
        levels, states, latent, negatives = *(tensors[name] for name in _ARRAYS), tensors.get("negatives")
        pictures = [tensors["picture"], tensors["vae_picture"]]
        fits = (
            levels.shape[1:] == (3,)
            and len(levels) > 1
            and bool((levels[:, 1:].square().sum(1) - 1).abs().max() < 1e-6)
            and states.shape == (2 if method.pairs else 1, *latent.shape)
            and latent.ndim == 4
            and len(latent) == 1
            and states.dtype == latent.dtype
            and states.dtype in (torch.float32, torch.float64)
            and pictures[0].shape == pictures[1].shape
            and pictures[0].shape[2:] == (3,)
            and all(each.dtype == torch.uint8 for each in pictures)
            and (negatives is not None) == (method.negative == "kept")
            and (negatives is None or (negatives.ndim == 3 and len(negatives) == len(levels) - 1))
            and all(bool(each.isfinite().all()) for each in (levels, states, latent))
            and (negatives is None or bool(negatives.isfinite().all()))
        )
        if not fits:
            raise UserError("its arrays do not fit")
        picture, vae_picture = (each.cpu().numpy() for each in pictures)
        return cls(
            method=method,
            settings=read_options(Settings, settings, ""),
            levels=[Level(*row) for row in levels.tolist()],
            kept=Kept(states, negatives),
            latent=latent,
            picture=picture,
            vae_picture=vae_picture,
        )
