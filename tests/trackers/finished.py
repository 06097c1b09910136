"""A finished run to log: a folder with a record and a picture, whose texts hold what nobody else may see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from bdia_edm.records.record import Record, as_record

SECRET = "s3cr3t"
URL = f"https://me:{SECRET}@host/net.pkl?token={SECRET}"


def finished_run(folder: Path, **changes: Any) -> Record:
    """The record; the folder and its picture, 6 pixels wide and 4 high, are made."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (255, 0, 0)).save(folder / "grid.png")
    return as_record(
        {
            "task": "sample",
            "model": "m",
            "sampler": {"name": "bdia", "num_steps": 3, "gamma": 0.3},
            "labels": {"sampler": "bdia", "title": "BDIA", "columns": {"gamma": 0.3}, "is_baseline": False},
            "seeds": "0-9",
            "class_idx": None,
            "num_images": 10,
            "nfe": 4.6,
            "metrics": {"fid": 1.75, "is": "inf"},
            "uncertainty": {"fid": {"standard_error": 0.25, "method": "influence"}},
            "images_per_second": 20.0,
            "command": f"python -m bdia_edm.sample +model=file model.path={URL}",
            "device": {"type": "cpu", "name": "a processor"},
            "checksums": {"model": "abc", "source of sampler": "def"},
            "code": {"source": "123"},
            "finished": "2026-01-02T03:04:05Z",
            "config": {
                "seeds": "0-9",
                "class_idx": None,
                "metric": ["frechet", "is"],
                "keep_features": False,
                "model": {"path": URL, "settings": {"edm": {"S_churn": 40}}},
            },
            **changes,
        }
    )


def texts_below(folder: Path) -> bytes:
    """Everything that lies in the folder, one file after the other."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
