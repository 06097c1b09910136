"""The three standard streams of a process that was started with one of them closed (2>&-)."""

from __future__ import annotations

import os
import sys

__all__ = ["open_closed_streams"]


def open_closed_streams() -> None:
    """Gives a closed standard stream the null device.

    Without it Python prints to stdout what is for stderr, and the next file that is opened gets the stream's number,
    so that what a library writes to stderr lands in it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        os.set_inheritable(number, True)
        stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process lives
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
