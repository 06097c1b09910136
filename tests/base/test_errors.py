"""How a command ends with a user's mistake; tests/test_errors.py has the mistakes themselves."""

from __future__ import annotations

import pytest

from bdia_edm.base.errors import UserError, one_line_errors


@pytest.mark.parametrize("error", [UserError("a=1: must be 2"), FileNotFoundError("a=1: must be 2")])
def test_a_mistake_is_one_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise error
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", "error: a=1: must be 2\n")


def test_this_program_s_own_mistakes_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), one_line_errors():
        _ = 1 / 0
