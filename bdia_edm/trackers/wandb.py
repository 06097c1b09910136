"""Weights & Biases: a run for every run, as WANDB_MODE, WANDB_PROJECT, WANDB_ENTITY and WANDB_DIR say.

Without WANDB_DIR its files lie in the folder 'wandb' beside the runs' folders. The id is the record's key, so that what
reached the server before is not there twice; here a file in its folder says that all of it was logged.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bdia_edm.base.errors import UserError
from bdia_edm.records.record import Record
from bdia_edm.trackers.content import figures_of, key_of, options_of_run, pictures_in, step_of, tags_of
from bdia_edm.trackers.tracker import TRACKERS, Tracker

if TYPE_CHECKING:
    from wandb import Settings

__all__ = ["WeightsAndBiases"]

_OFFLINE = ("offline", "dryrun")
_PROJECT = "bdia_edm"
_LOGGED = "logged"
_LONGEST_TAG = 64


@TRACKERS.add("wandb")
class WeightsAndBiases(Tracker):
    """Weights & Biases, online or, with WANDB_MODE=offline, in results_dir/wandb."""

    name = library = "wandb"

    def __init__(self) -> None:
        # Nothing is reported that nobody asked for.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._wandb = wandb
        self._mode = wandb.setup().settings.mode
        if self._mode not in (*_OFFLINE, "disabled") and not self._logs_in():
            raise UserError(
                "tracker=wandb: no API key is known; run 'wandb login', or set WANDB_MODE=offline to log to results_dir"
            )

    def log(self, record: Record, folder: Path) -> str:
        if self._mode == "disabled":
            return ""
        # Its own settings, WANDB_PROJECT among them, stand first.
        settings = self._wandb.setup().settings
        project = settings.project or _PROJECT
        key = key_of(record, folder, settings.entity or "", project)
        where = Path(os.environ.get("WANDB_DIR") or folder.parent).absolute()
        begin = "offline-run" if self._mode in _OFFLINE else "run"
        if any((where / "wandb").glob(f"{begin}-*-{key}/{_LOGGED}")):
            return ""
        tags = tags_of(record)
        # A run of the user's own that is open in this process is left alone.
        run = self._wandb.init(
            project=project,
            id=key,
            name=folder.name,
            dir=str(where),
            config={**options_of_run(record), "record": tags},
            notes=tags["command"],
            tags=[tags[name][:_LONGEST_TAG] for name in ("task", "model")],
            resume="allow",
            reinit="create_new",
            settings=self._quiet(),
        )
        with run:
            # Where only the file here was lost, the server has it.
            if not run.step:
                pictures = {name: self._wandb.Image(str(path)) for name, path in pictures_in(folder).items()}
                run.log({**figures_of(record), **pictures}, step=step_of(record))
            shown = str(Path(run.dir).parent) if run.offline else run.url or project
            own = Path(run.dir).parent
        (own / _LOGGED).touch()
        return shown

    def _logs_in(self) -> bool:
        """Whether a key is known; nobody is asked for one, and no server."""
        try:
            return bool(self._wandb.login(verify=False, prompt=False))
        except self._wandb.errors.UsageError:
            return False

    def _quiet(self) -> Settings:
        """Nothing of the machine, its folders or the command as it was typed, which may hold a token; no words."""
        return self._wandb.Settings(
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            disable_git=True,
            disable_code=True,
            save_code=False,
            console="off",
            silent=True,
        )
