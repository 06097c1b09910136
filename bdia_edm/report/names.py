"""What papers call a figure; one that no paper has a name for is called as it is written."""

from __future__ import annotations

__all__ = ["paper_name"]

_NAMES = {
    "fid": "FID",
    "fid_clean": "FID (clean)",
    "fid_pytorch": "FID (pytorch-fid)",
    "sfid": "sFID",
    "kid": "KID",
    "inception_score": "IS",
    "clip_score": "CLIP score",
    "precision": "Precision",
    "recall": "Recall",
    "density": "Density",
    "coverage": "Coverage",
    # Stein et al. 2023 (arXiv 2306.04675) and EDM2 take ViT-L/14.
    "fd_dinov2_vitl14": "FD-DINOv2",
    "fd_dinov2_vits14": "FD-DINOv2 (ViT-S/14)",
    "fd_dinov2_vitb14": "FD-DINOv2 (ViT-B/14)",
    "fd_dinov2_vitg14": "FD-DINOv2 (ViT-g/14)",
}


def paper_name(metric: str) -> str:
    """The name for axes and LaTeX."""
    return _NAMES.get(metric, metric)
