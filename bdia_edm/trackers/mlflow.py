"""MLflow: a run for every run, on the server that MLFLOW_TRACKING_URI names.

Without it they lie as files in the folder 'mlruns' beside the runs' folders. The experiment's name is
MLFLOW_EXPERIMENT_NAME, else 'bdia_edm'. A tag has the record's key, so that a run which is there is not logged again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bdia_edm.records.record import Record
from bdia_edm.trackers.content import figures_of, finished_at, key_of, options_of_run, pictures_in, step_of, tags_of
from bdia_edm.trackers.tracker import TRACKERS, Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MLflow"]

_FOLDER = "mlruns"
_EXPERIMENT = "bdia_edm"
_KEY = "bdia_edm.key"
_AT_ONCE = 100
"""Options in one request, which takes no more."""


@TRACKERS.add("mlflow")
class MLflow(Tracker):
    """MLflow, at MLFLOW_TRACKING_URI or in results_dir/mlruns."""

    name = library = "mlflow"

    def __init__(self) -> None:
        # Since 3.13 files are refused unless one asks for them, since 3.2 its use is reported unless one does not.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # A server that does not answer costs every run of a sweep some seconds, not minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        from mlflow import MlflowClient

        self._client = MlflowClient

    def log(self, record: Record, folder: Path) -> str:
        from mlflow.entities import Metric, Param

        place = os.environ.get("MLFLOW_TRACKING_URI") or (folder.parent / _FOLDER).absolute().as_uri()
        client, key = self._client(place), key_of(record, folder)
        experiment = _experiment(client)
        found = client.search_runs([experiment], f"tags.`{_KEY}` = '{key}'")
        if any(run.info.status == "FINISHED" for run in found):
            return ""
        when = int(finished_at(record) * 1000)
        tags = {_KEY: key, **{_name(name): value for name, value in tags_of(record).items()}}
        # What an earlier attempt did not finish is finished.
        run = found[0] if found else client.create_run(experiment, when, tags, folder.name)
        number = run.info.run_id
        params = [Param(_name(name), str(value)) for name, value in options_of_run(record).items()]
        for first in range(0, len(params), _AT_ONCE):
            client.log_batch(number, params=params[first : first + _AT_ONCE])
        step = step_of(record)
        figures = [Metric(_name(name), value, when, step) for name, value in figures_of(record).items()]
        client.log_batch(number, metrics=figures)
        for path in pictures_in(folder).values():
            client.log_artifact(number, str(path))
        client.set_terminated(number, "FINISHED", when)
        return f"{place}, experiment {client.get_experiment(experiment).name}"


def _experiment(client: MlflowClient) -> str:
    """The experiment's number; it is made where it is not there."""
    from mlflow.exceptions import MlflowException

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name)
        except MlflowException:
            # Another process may have made it in this moment.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return found.experiment_id


def _name(name: str) -> str:
    """The name in letters that MLflow takes."""
    return re.sub(r"[^-\w. /]", "_", name)
