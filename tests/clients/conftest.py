"""The published clients against two nodes: processes of their own, over a database and a Redis of the test's own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.engines.directory import DataDirectory
from server.engines.redis import FORGETFUL, Redis
from tests.clients.cluster import Cluster, two_processes


@pytest.fixture
def cluster(fresh_database: str) -> Iterator[Cluster]:
    """Two nodes that nobody has used yet."""
    path = Path(tempfile.mkdtemp(prefix="hubbub-clients-"))
    try:
        with (
            DataDirectory(path) as directory,
            Redis(directory, settings=FORGETFUL) as redis,
            two_processes(fresh_database, redis.url, directory.folder("nodes")) as cluster,
        ):
            yield cluster
            assert not cluster.errors(), cluster.errors()
    finally:
        shutil.rmtree(path, ignore_errors=True)
