"""A setting of the process that several want changed."""

from __future__ import annotations

import threading

import pytest

from bdia_edm.base.shared_setting import SharedSetting


def test_the_last_one_out_puts_it_back() -> None:
    value = ["before"]

    def change() -> str:
        was, value[0] = value[0], "within"
        return was

    def put_back(was: str) -> None:
        value[0] = was

    setting = SharedSetting(change, put_back)
    inside, go_on = threading.Event(), threading.Event()

    def other() -> None:
        with setting():
            inside.set()
            assert go_on.wait(10)

    thread = threading.Thread(target=other)
    with setting():
        thread.start()
        assert inside.wait(10)
    assert value == ["within"]
    go_on.set()
    thread.join()
    assert value == ["before"]
    with pytest.raises(RuntimeError), setting():
        raise RuntimeError
    assert value == ["before"]
