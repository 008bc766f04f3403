"""Waiting for something to become true, with a deadline instead of a fixed sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll(probe: Callable[[], T | None], what: str, seconds: float = 20.0, interval: float = 0.05) -> T:
    """Return the first truthy answer of `probe`; fail, naming `what`, when the deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still waiting for {what} after {seconds} s")
        time.sleep(interval)
