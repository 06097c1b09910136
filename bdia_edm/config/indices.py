"""The option indices: which of the images given, by their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.base.options import require
from bdia_edm.engine.plan import parse_seeds

__all__ = ["ANY", "chosen_numbers"]

ANY = 2**32
"""More than there can be: for a look at the option before the images are counted."""


def chosen_numbers(indices: str | None, found: int, what: str, whole: str) -> Sequence[int]:
    """The numbers of the images, of ``found`` that there are; all where ``indices`` is None.

    Args:
        what, whole: one of them and all of them, in words.

    Raises:
        UserError: one is not there, twice there, or no number.
    """
    if indices is None:
        return range(found)
    try:
        numbers = parse_seeds(indices)
    except UserError as error:
        said = str(error).replace("seeds", named("indices")).replace("seed", f"number of {what}")
        raise UserError(said) from error
    last = max(each.stop for each in numbers.ranges) - 1
    require(last < found, "indices", indices, f"below {found:,}, the number of {whole}")
    return numbers
