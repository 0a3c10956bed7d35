"""Jobs: work that must outlive a crash, stored in PostgreSQL by the commit that causes it."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from server.db import Db


class Job(Struct, frozen=True, kw_only=True):
    """Base of all jobs: the fields are the payload; `name` says which handler runs it."""

    name: ClassVar[str] = ""


async def insert_jobs(db: Db, jobs: Sequence[Job]) -> None:
    """Store jobs to be run by any node."""
    raise NotImplementedError
