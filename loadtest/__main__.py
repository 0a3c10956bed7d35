"""`python -m loadtest`: two minutes of the production mix, against a server of its own unless --host names one.

Whatever is given goes to Locust, and wins over what is chosen here. The exit code is Locust's: 0 when every rule
holds, 3 when one is broken, 2 when no test was possible, 1 when Locust itself failed.
"""

import os
import subprocess
import sys
from pathlib import Path

from loadtest.own_server import OwnServer, StartFailed

HERE = Path(__file__).parent
RESULTS = Path("var/loadtest")
DEFAULTS = {
    ("--users", "-u"): "200",
    ("--spawn-rate", "-r"): "20",
    ("--run-time", "-t"): "2m",
    ("--shape",): "steady",
}
"""As many actions as some 880 average users do: all have rate 1."""
IMPOSSIBLE = 2
"""The exit code when there was no test, and so nothing to report."""


def main(arguments: list[str]) -> int:
    """Run it; the exit code."""
    if any(argument in ("-h", "--help") for argument in arguments):
        return _locust(arguments)
    if _given(arguments, ("--worker",)):
        return _locust(arguments)
    chosen = list(arguments)
    if not _given(arguments, ("--users", "-u", "--same-rate")):
        chosen.append("--same-rate")
    shaped = _given(arguments, ("--shape",))
    for flags, value in DEFAULTS.items():
        if not _given(arguments, flags) and not (shaped and flags[0] == "--run-time"):
            chosen += [flags[0], value]
    if not _given(arguments, ("--autostart", "--headful")):
        chosen += ["--headless", "--only-summary"]
    page = _path_of(arguments, "--html") or str(RESULTS / "report.html")
    if not _given(arguments, ("--html",)):
        chosen += ["--html", page]
    if not _given(arguments, ("--csv",)):
        chosen += ["--csv", str(RESULTS / "report")]
    RESULTS.mkdir(parents=True, exist_ok=True)
    if _given(arguments, ("--host", "-H")) or os.environ.get("LOCUST_HOST"):
        code = _locust(chosen)
    else:
        code = _on_own_server(chosen)
    if code != IMPOSSIBLE:
        print(f"report: {page}; tables: {_path_of(chosen, '--csv')}_*.csv", flush=True)
    return code


def _on_own_server(chosen: list[str]) -> int:
    core, others = shared_cores()
    where = f" on core {', '.join(map(str, core))}" if core else ""
    try:
        with OwnServer(RESULTS / "data", core) as server:
            print(f"server: {server.url}{where}, data in {RESULTS / 'data'}", flush=True)
            if others:
                os.sched_setaffinity(0, others)  # of this process and what it starts from now on
            return _locust([*chosen, "--host", server.url, "--cpu-of", server.pids])
    except StartFailed as error:
        print(error, file=sys.stderr)
        return IMPOSSIBLE


def shared_cores() -> tuple[set[int], set[int]]:
    """A core for the server with all that belongs to it, and the others for the test; none where there is no choice."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (set(cores[:1]), set(cores[1:])) if len(cores) > 1 else (set(), set())


def _locust(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "locust", "--locustfile", str(HERE / "locustfile.py"), *arguments]
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal told Locust, too: it sums up and ends by itself
            continue


def _given(arguments: list[str], flags: tuple[str, ...]) -> bool:
    return any(
        argument == flag
        or argument.startswith(f"{flag}=")
        or (not flag.startswith("--") and argument.startswith(flag) and not argument.startswith("--"))
        for argument in arguments
        for flag in flags
    )


def _path_of(arguments: list[str], flag: str) -> str:
    for at, argument in enumerate(arguments):
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
        if argument == flag and at + 1 < len(arguments):
            return arguments[at + 1]
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
