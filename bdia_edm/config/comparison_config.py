"""What a comparison's runs are configured by, by its task; known without all that the runs need."""

from __future__ import annotations

from bdia_edm.config.common_config import AnyConfig
from bdia_edm.config.editing_config import EditingConfig
from bdia_edm.config.inversion_config import InversionConfig
from bdia_edm.config.run_config import RunConfig

__all__ = ["CONFIGS", "comparison_config_name"]

CONFIGS: dict[str, type[AnyConfig]] = {"sample": RunConfig, "invert": InversionConfig, "edit": EditingConfig}
"""As ``run.kinds.KINDS`` has them."""


def comparison_config_name(task: str) -> str:
    """conf/'s file for a comparison of the task; of one that is none sample's, which refuses it."""
    return f"compare_{task}" if task in CONFIGS and task != "sample" else "compare"
