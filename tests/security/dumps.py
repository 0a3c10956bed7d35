"""A dump of a database as somebody would read it who has got hold of it."""

import base64
from collections.abc import Mapping

import asyncpg


async def dump(dsn: str) -> str:
    """Every row of every table as text; binary columns as hex."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await connection.fetch(f"SELECT row::text FROM {name} AS row") for (name,) in tables]
    finally:
        await connection.close()
    return "\n".join(row[0] for found in rows for row in found)


def forms_of(secret: str) -> set[str]:
    """A secret as it is, in hex, and in base64 at each place of a longer text."""
    raw = secret.encode()
    forms = {secret, raw.hex()}
    for ahead in range(3):
        # The first and the last signs depend on what stands beside it.
        encoded = base64.b64encode(bytes(ahead) + raw)[4 if ahead else 0 :].decode().rstrip("=")[:-2]
        forms |= {encoded, encoded.replace("+", "-").replace("/", "_")}
    return forms


def readable_in(text: str, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets that can be read in a text."""
    lowered = text.lower()
    return sorted(
        name
        for name, secret in secrets.items()
        if any(form in text for form in forms_of(secret)) or secret.encode().hex() in lowered
    )
