"""A process of the demo ends with the block it was started for, also when Ctrl-C comes before anybody knows of it."""

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from lockage.interfaces.demo.children import signals_held_back, started

_FORGOTTEN_S = 60
_COMMAND = [sys.executable, "-c", f"import time; time.sleep({_FORGOTTEN_S})"]


def test_a_process_that_ctrl_c_finds_half_started_ends_too() -> None:
    begun: list[int] = []

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(_COMMAND)
        begun.append(process.pid)
        os.kill(os.getpid(), signal.SIGINT)  # as if it had come inside Popen: nobody has been given the process yet
        return process

    with pytest.raises(KeyboardInterrupt), started(start):
        pytest.fail("the interrupt was lost")
    assert not psutil.pid_exists(begun[0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_ends_with_its_block_and_takes_signals_itself() -> None:
    with started(lambda: subprocess.Popen(_COMMAND, stdout=subprocess.PIPE)) as process:
        assert process.poll() is None
    assert process.returncode == -signal.SIGTERM


def test_a_process_that_cannot_be_started_leaves_the_interrupt_to_come() -> None:
    def start() -> subprocess.Popen[bytes]:
        os.kill(os.getpid(), signal.SIGINT)
        return subprocess.Popen(["/no/such/program"])

    with pytest.raises(KeyboardInterrupt), started(start):
        pytest.fail("it cannot have been started")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_nothing_is_held_back() -> None:
    found: list[object] = []

    def look() -> None:
        with signals_held_back():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
