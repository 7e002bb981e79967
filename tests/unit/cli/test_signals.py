from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dayfile.cli.signals import Stop, ended_by_signals, told_by_signals

# Runs `dayfile serve`, and sends itself a signal as soon as a module is looked for.
_INTERRUPTED = """
import os, sys
from dayfile.__main__ import main

module, number = sys.argv.pop(1), int(sys.argv.pop(1))

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == module:
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Interrupting())
main()
"""


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


def test_the_end_of_an_input_is_heard_and_nothing_that_comes_before() -> None:
    """A program that starts a server holds the other end of its input, and may be killed without a word."""
    reader, writer = os.pipe()
    stop = Stop(until_end_of=reader)
    os.write(writer, b"a word\n")
    assert not stop.wait(0)
    assert not stop.wait(0)
    os.write(writer, b"another\n")
    os.close(writer)
    assert stop.wait()
    assert stop.is_told
    assert stop.wait(0)
    stop.close()
    os.close(reader)


def test_an_input_that_was_closed_from_the_start_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be that of something else by now, a socket for instance."""
    monkeypatch.setattr(sys, "stdin", None)
    with told_by_signals(until_stdin_ends=True) as stop:
        assert stop.wait(0)


@pytest.mark.parametrize(
    ("module", "number", "code"),
    [
        ("dayfile.cli.terminal", signal.SIGINT, -signal.SIGINT),
        ("dayfile.cli.http_server", signal.SIGINT, 0),
        ("dayfile.cli.http_server", signal.SIGTERM, 0),
    ],
)
def test_a_server_that_is_stopped_while_it_starts_ends_without_a_trace(
    module: str, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    """A service manager stops it at any moment; where in an import it was is nobody's concern."""
    command = [sys.executable, "-c", _INTERRUPTED, module, str(int(number)), "serve", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAYFILE_")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (code, "", False), done.stderr


@pytest.mark.parametrize(
    ("number", "ending"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)], ids=["SIGTERM", "Ctrl-C"]
)
def test_a_block_is_ended_once(number: signal.Signals, ending: type[BaseException]) -> None:
    """Putting away is not ended by the impatient: a server would stay behind, without anybody to stop it."""
    before = signal.getsignal(number)
    put_away = []

    def told_twice() -> None:
        with ended_by_signals():
            try:
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), number)
                put_away.append(True)

    with pytest.raises(ending):
        told_twice()
    assert (put_away, signal.getsignal(number)) == ([True], before)
