"""Makes runs that edit pictures known to the program (``bdia_edm.run.kinds``)."""

from __future__ import annotations

from bdia_edm.run.kinds import KINDS, Kind
from bdia_edm.text_to_image.edits.config import EditPicturesConfig, read_edit_pictures
from bdia_edm.text_to_image.edits.deeds import EditingPictures
from bdia_edm.text_to_image.edits.run import EditPicturesRun, prepare_edit_pictures

__all__ = ["TASK"]

TASK = EditPicturesRun.task

KINDS[TASK] = Kind(EditPicturesConfig, (), read_edit_pictures, prepare_edit_pictures, EditingPictures)
