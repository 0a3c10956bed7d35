"""Answers that are sent piece by piece: files."""

import asyncio
from collections.abc import AsyncIterator

import structlog

from server.http.exchange import Exchange

CHUNK_SECONDS = 120.0
"""A client must take each piece, a quarter of a MiB or so, within this time."""

log = structlog.get_logger()


async def send_chunks(exchange: Exchange, chunks: AsyncIterator[bytes]) -> None:
    """Send the body of an answer as fast as the client takes it, and stop when the client is gone or asleep.

    When the source fails in the middle the connection ends before the promised length: the client can tell.
    """
    try:
        async for chunk in chunks:
            async with asyncio.timeout(CHUNK_SECONDS):
                if not await exchange.can_write():
                    return
            exchange.write(chunk)
        exchange.end()
    except TimeoutError:
        log.info("an answer was not taken in time")
    except Exception:
        log.exception("an answer broke off")
