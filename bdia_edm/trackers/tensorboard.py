"""TensorBoard: an event file for every run, in the folder 'tensorboard' beside the runs' folders.

The file is written whole or not at all, and its name has the record's key: where it is, the run was logged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from bdia_edm.base.whole_files import clear_partials, written_whole
from bdia_edm.records.record import Record
from bdia_edm.trackers.content import figures_of, finished_at, key_of, options_of_run, pictures_in, step_of, tags_of
from bdia_edm.trackers.tracker import TRACKERS, Tracker

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

__all__ = ["TensorBoard"]

_FOLDER = "tensorboard"
_VERSION = "brain.Event:2"
"""Of event files, which their first event says."""
_RGB = 3
"""The colour space of an image in an event: its number of channels."""


@TRACKERS.add("tensorboard")
class TensorBoard(Tracker):
    """Event files in results_dir/tensorboard, which `tensorboard --logdir` shows."""

    name = library = "tensorboard"

    def __init__(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._writer = Event, RecordWriter

    def log(self, record: Record, folder: Path) -> str:
        when = finished_at(record)
        # TensorBoard takes what has 'tfevents' in its name.
        path = folder.parent / _FOLDER / folder.name / f"events.out.tfevents.bdia_edm.{key_of(record, folder)}"
        if path.exists():
            return ""
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_partials(path)
        with written_whole(path) as partial, partial.open("wb") as file:
            writer = self._writer(file)
            writer.write(self._event(wall_time=when, file_version=_VERSION).SerializeToString())
            for summary in _summaries(record, folder):
                event = self._event(wall_time=when, step=step_of(record), summary=summary)
                writer.write(event.SerializeToString())
        return str(path.parent)


def _summaries(record: Record, folder: Path) -> Iterator[Summary]:
    """Hyper-parameters, scalars (in float32, as TensorBoard has them), texts and pictures."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    yield from _hyper_parameters(record)
    for name, value in figures_of(record).items():
        yield Summary(value=[Summary.Value(tag=name, simple_value=value)])
    for name, text in tags_of(record).items():
        yield _text(name, text)
    for name, path in pictures_in(folder).items():
        with Image.open(path) as picture:
            width, height = picture.size
        image = Summary.Image(height=height, width=width, colorspace=_RGB, encoded_image_string=path.read_bytes())
        yield Summary(value=[Summary.Value(tag=name, image=image)])


def _text(name: str, text: str) -> Summary:
    """A text, which TensorBoard shows as Markdown."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.text.metadata import create_summary_metadata

    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    # Indented: code in Markdown, so that no sign in a command is taken for its own.
    tensor = TensorProto(dtype=DT_STRING, string_val=[f"    {text}".encode()], tensor_shape=shape)
    metadata = create_summary_metadata(display_name="", description="")
    return Summary(value=[Summary.Value(tag=f"{name}/text_summary", tensor=tensor, metadata=metadata)])


def _hyper_parameters(record: Record) -> Iterator[Summary]:
    """The session of a run in the HPARAMS dashboard, which finds its metrics among the scalars."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

    when = finished_at(record)
    begin = SessionStartInfo(start_time_secs=when)
    for name, value in options_of_run(record).items():
        entry = begin.hparams[name]
        if isinstance(value, bool):
            entry.bool_value = value
        elif isinstance(value, str):
            entry.string_value = value
        else:
            entry.number_value = value
    end = SessionEndInfo(status=STATUS_SUCCESS, end_time_secs=when)
    for tag, data in (
        (metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=begin)),
        (metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    ):
        about = metadata.create_summary_metadata(data)
        yield Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)])
