"""How images of other programs are measured: the options, for Python and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import Say, to_stderr
from bdia_edm.base.option_names import named
from bdia_edm.base.options import check_ranges, option
from bdia_edm.config.common_config import import_modules
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.metrics.metric import Metric, make_metrics

__all__ = ["Measuring"]


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How images are measured.

    Attributes:
        num: drawn without replacement.
        detector: its name, or a detector of one's own.
        metric: names, or metrics of one's own, or one of either; a reference is made without.
        progress: whether a bar is shown on stderr.
        say: takes warnings.
    """

    num: int | None = option(
        None, words="how many images; fewer than there are, are drawn by the seed", low=2, default_words="all"
    )
    seed: int = option(0, words="draws the images where there are more", low=0)
    detector: str | Detector | None = option(
        None, words="whose features are measured", default_words="the one that the reference names, where it names one"
    )
    metric: str | Metric | Sequence[str | Metric] = option(
        ("frechet",), words="what is measured; give it again for several"
    )
    detector_path: str | None = option(
        None, words="the detector's file: a path, a URL or embedded:NAME", default_words="its own"
    )
    detector_sha256: str | None = option(
        None, words="the checksum that this file must have; a TorchScript file needs it"
    )
    batch: int = option(64, words="images at once in the detector", low=1)
    device: str = option("auto", words="where the detector runs: auto (a GPU where there is one), cpu, cuda or cuda:N")
    modules: tuple[str, ...] = option(
        (), words="a module of your own with detectors or metrics; give it again for several"
    )
    progress: bool = True
    say: Say = to_stderr

    def __post_init__(self) -> None:
        import_modules(self.modules)
        check_ranges(self, "")
        path, sha256 = self.detector_path, self.detector_sha256
        # Where the reference names it, it may have one.
        has_file = DETECTORS[self.detector].takes_file if isinstance(self.detector, str) else self.detector is None
        if path is not None and not has_file:
            name = getattr(self.detector, "name", self.detector)
            raise UserError(f"{named('detector_path')}={path}: the detector {name} has no file; leave it out")
        if sha256 is not None and path is None:
            whose = named("detector_path")
            raise UserError(f"{named('detector_sha256')}={sha256}: is for {whose}, which is not given")
        if not self.metrics:
            raise UserError(f"{named('metric')}: missing; one or more")
        for metric in self.metrics:
            if "ode_errors" in metric.needs:
                raise UserError(
                    f"{named('metric')}={metric.name}: is of a sampler's own runs; bdia_edm.sample measures it"
                )

    @property
    def metrics(self) -> list[Metric]:
        """The metrics themselves."""
        several = isinstance(self.metric, Sequence) and not isinstance(self.metric, str)
        return make_metrics(self.metric if several else [self.metric])  # type: ignore[list-item,arg-type]
