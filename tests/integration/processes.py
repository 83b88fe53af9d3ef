"""The project's commands as processes of their own, in an environment that holds nothing but what is given."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.assistant.training import PROJECT

BIN = Path(sys.executable).parent
COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
PATIENCE = 150.0
"""Seconds that a command may take to get ready on a busy machine."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """A clean environment: an empty home, nothing of ours switched on or off."""
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SANIC_HOST": "127.0.0.1", **more}


def run(command: str, *arguments: str, env: Mapping[str, str], cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run ``bot`` or ``rasa`` to its end."""
    return subprocess.run(
        [str(BIN / command), *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=2 * PATIENCE
    )


class Running:
    """A command that goes on; its output is collected in a file."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        """Standard output and error so far, without colours."""
        return COLOURS.sub("", self._log.read_text(encoding="utf-8", errors="replace"))

    def wait_for(self, words: str, *, times: int = 1) -> str:
        """Wait until the output holds these words, as often as asked for, and return the output."""
        until = time.monotonic() + PATIENCE
        while (found := self.output).count(words) < times:
            assert self.process.poll() is None, f"it ended before {words!r}:\n{found}"
            assert time.monotonic() < until, f"no {words!r} in:\n{found}"
            time.sleep(0.1)
        return found

    def wait_for_http(self, url: str) -> None:
        """Wait until an address answers."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert self.process.poll() is None, f"it ended:\n{self.output}"
                assert time.monotonic() < until, f"{url} does not answer:\n{self.output}"
                time.sleep(0.2)

    def type(self, keys: str) -> None:
        """Write to standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(keys.encode())
        self.process.stdin.flush()

    def stop(self) -> int:
        """End it as Ctrl-C does and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@contextmanager
def running(command: str, *arguments: str, env: Mapping[str, str], log: Path, cwd: Path = PROJECT) -> Iterator[Running]:
    """Start ``bot`` or ``rasa`` and end it afterwards, whatever happens."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(BIN / command), *arguments],
            cwd=cwd,
            env={**env, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Running(process, log)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            assert process.stdin is not None
            process.stdin.close()
