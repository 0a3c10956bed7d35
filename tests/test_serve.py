"""What a process does for itself when it begins to serve."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest


def has_large_pages() -> bool:
    """Whether this is a Linux that gives them to who asks."""
    if not all(Path(path).exists() for path in ("/sys/kernel/mm/transparent_hugepage", "/proc/self/smaps_rollup")):
        return False
    major, minor, *_ = platform.release().split(".")
    return (int(major), int(minor.split("-")[0])) >= (6, 1)


NONE_LEFT = 3

CODE = f"""
import mmap
import re
import sys
from server.serve import gather_memory
try:
    with mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as some:
        some.write(b"." * len(some))
        some.madvise(25)  # MADV_COLLAPSE
except OSError:
    sys.exit({NONE_LEFT})
kept = [[number, str(number)] for number in range(200_000)]
gather_memory()
assert kept == [[number, str(number)] for number in range(200_000)]
print(re.search(r"AnonHugePages: *([0-9]+)", open("/proc/self/smaps_rollup").read())[1])
"""


@pytest.mark.skipif(not has_large_pages(), reason="this system has none")
def test_what_is_loaded_lies_in_large_pages() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)

    if ran.returncode == NONE_LEFT:
        pytest.skip("this system has none left, or gives none")
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 0
