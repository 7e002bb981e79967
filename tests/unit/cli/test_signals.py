from __future__ import annotations

import os
import signal
import threading

import pytest

from dayfile.cli.signals import Stop, told_by_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heard_and_leaves_what_was_there_before(number: signal.Signals) -> None:
    """Work that runs is finished; a process that runs the command gets its own handlers back."""
    before = signal.getsignal(number)
    with told_by_signals() as stop:
        assert not stop.wait(0)
        os.kill(os.getpid(), number)
        assert stop.wait()
    assert signal.getsignal(number) is before


def test_a_signal_is_heard_even_if_python_has_not_come_to_it() -> None:
    """One that comes just before the wait begins runs its handler only after the wait, which would never end."""
    with told_by_signals() as stop:
        signal.signal(signal.SIGTERM, lambda *_: None)  # as if its turn had not come
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(0)


def test_a_watched_process_leaves_ctrl_c_to_its_watcher() -> None:
    """The terminal tells both; the second word, from the watcher, would otherwise end it at once."""
    with told_by_signals(by_terminal=False) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert not stop.wait(0)


def test_the_word_stands_once_it_is_given() -> None:
    """A thread that ends by itself gives it too, and everybody who asks later hears it."""
    stop = Stop()
    thread = threading.Thread(target=stop.tell)
    thread.start()
    assert stop.wait()
    assert stop.wait(0)
    thread.join()
    stop.close()
