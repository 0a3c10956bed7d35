"""The source files of a checkout, watched by their times of change."""

import time
from pathlib import Path
from typing import Self

PAUSE = 0.5


class Sources:
    """The Python and SQL files whose change makes a running node outdated."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = self._times()
        self._look_at = 0.0

    @classmethod
    def of_checkout(cls) -> Self | None:
        """Those of the checkout that this code runs from, or None when it is installed."""
        root = Path(__file__).parents[2]
        return cls(root) if (root / "pyproject.toml").is_file() else None

    def changed(self) -> str | None:
        """The path of a file that was changed, made or removed since the last call; looks twice a second."""
        if time.monotonic() < self._look_at:
            return None
        self._look_at = time.monotonic() + PAUSE
        now, before = self._times(), self._seen
        self._seen = now
        different = sorted(path for path, _ in now.items() ^ before.items())
        return different[0] if different else None

    def _times(self) -> dict[str, int]:
        files = [*self._root.glob("server/**/*.py"), *self._root.glob("schema/*.sql")]
        times = {}
        for path in files:
            try:
                times[str(path.relative_to(self._root))] = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
        return times
