"""Client programs that run beside a test and speak JSON lines, and the ears of the people who use them."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from tests.clients_of import Received

PATIENCE = 60.0

T = TypeVar("T")
Line = dict[str, Any]


class Program:
    """A process of the test's own; its lines are kept as they come, and it ends with the block."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """Start it; what it logs is added to the file."""
        self.lines: list[Line] = []
        self._log = log
        self._news = threading.Condition()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, output: IO[str]) -> None:
        for text in output:
            with self._news:
                self.lines.append(json.loads(text))
                self._news.notify_all()

    @property
    def log(self) -> str:
        """What it wrote for its user to read."""
        return self._log.read_text(errors="replace")

    def say(self, line: Line) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def wait_for(self, find: Callable[[list[Line]], T | None], patience: float = PATIENCE) -> T | None:
        """What `find` makes of the lines as soon as that is not None; None when time is up or the program ended."""
        deadline = time.monotonic() + patience
        with self._news:
            while (found := find(self.lines)) is None:
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    break
                self._news.wait(min(left, 0.5))
            return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE)
        self._process.stdin.close()
        self._process.stdout.close()


class Ears:
    """What a person's client hears, in its order; nothing is passed over but what `deaf_to` names."""

    def __init__(self, program: Program, deaf_to: frozenset[str] = frozenset()) -> None:
        self.program = program
        self._deaf_to = deaf_to
        self._taken = 0

    @property
    def events(self) -> list[Received]:
        """All events until now."""
        return [Received(line["frame"]) for line in list(self.program.lines) if "event" in line.get("frame", {})]

    def _take(self) -> Received | None:
        def next_one(lines: list[Line]) -> Line | None:
            frames = [line["frame"] for line in lines if "event" in line.get("frame", {})]
            return frames[self._taken] if len(frames) > self._taken else None

        while (frame := self.program.wait_for(next_one)) is not None:
            self._taken += 1
            if frame["event"] not in self._deaf_to:
                return Received(frame)
        return None

    def hears(self, name: str) -> Received:
        """The next event, which must have this name."""
        event = self._take()
        assert event is not None, f"nothing instead of {name}; before: {self.events[-5:]}; log: {self.program.log}"
        assert event.name == name, f"{event} instead of {name}; before: {self.events[-5:]}"
        return event

    def hears_all(self, *names: str) -> list[Received]:
        """The next events, which must have these names in any order; given back in the order of the names."""
        missing: list[str] = list(names)
        heard: list[Received] = []
        while missing:
            event = self._take()
            assert event is not None, f"no {missing} after {heard}; log: {self.program.log}"
            assert event.name in missing, f"{event} instead of {missing} after {heard}"
            missing.remove(event.name)
            heard.append(event)
        return sorted(heard, key=lambda event: names.index(event.name))

    def heard_all(self) -> bool:
        """Whether every event that came has been taken."""
        return all(event.name in self._deaf_to for event in self.events[self._taken :])
