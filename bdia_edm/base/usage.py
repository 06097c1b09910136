"""Commands under click whose usage errors are one line, as all errors are here; click says them in three."""

from __future__ import annotations

import sys
from typing import Any

import click

from bdia_edm.base.lines import one_line, to_stderr

__all__ = ["Command", "Group"]


class Command(click.Command):
    """A command that ends with status 2 and one line on stderr where it is called wrongly."""

    def main(self, *args: Any, standalone_mode: bool = True, **more: Any) -> Any:
        """As click's; without ``standalone_mode`` its errors are the caller's."""
        run: Any = super().main
        if not standalone_mode:
            return run(*args, standalone_mode=False, **more)
        try:
            status = run(*args, standalone_mode=False, **more)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.UsageError as error:
            context = error.ctx
            command = "" if context is None else f"{context.command_path}: "
            to_stderr(f"error: {command}{one_line(error.format_message()).rstrip('.')} (--help lists what there is)")
            sys.exit(2)
        # --help and its like end with a status.
        sys.exit(status if isinstance(status, int) else 0)


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command
