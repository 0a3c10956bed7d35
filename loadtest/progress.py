"""A progress bar on standard error; lines, where nobody watches."""

import sys
import time
from types import TracebackType

WIDTH = 30
LINE_EVERY = 10.0


class Progress:
    """`with Progress("accounts", 200) as bar: …; bar.step()`"""

    def __init__(self, what: str, total: int) -> None:
        self.what = what
        self._total = total
        self._done = 0
        self._began = self._shown = time.monotonic()
        self._live = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._total:
            self._show(end=True)

    def step(self, count: int = 1) -> None:
        """So many more are done."""
        self._done += count
        now = time.monotonic()
        if now - self._shown >= (0.1 if self._live else LINE_EVERY):
            self._shown = now
            self._show(end=False)

    def _show(self, *, end: bool) -> None:
        full = WIDTH * self._done // max(self._total, 1)
        seconds = time.monotonic() - self._began
        line = f"{self.what:<12} [{'#' * full}{'.' * (WIDTH - full)}] {self._done}/{self._total}  {seconds:.0f} s"
        if self._live:
            sys.stderr.write(f"\r{line}\033[K" + ("\n" if end else ""))
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
