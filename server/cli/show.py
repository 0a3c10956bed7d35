"""`hubbub show`: what this version serves, sends and can be told, read from the code that does it."""

import inspect
import os
from collections.abc import Iterator, Sequence

import msgspec

from server import __version__
from server.app import ROUTERS
from server.bus.event import CATALOGUE
from server.config import Config, load_config
from server.config.environment import variable_of
from server.config.keys import KEYS, value_of
from server.config.masking import MASK, secrets_of
from server.http.openapi import openapi


def routes() -> Iterator[str]:
    """Every operation with its guard and what it does, by path."""
    found = [route for router in ROUTERS for route in router.routes]
    rows = [
        (route.method, route.path, route.guard.text, route.summary.partition("\n")[0])
        for route in sorted(found, key=lambda route: (route.path, route.method))
    ]
    return table(rows)


def events() -> Iterator[str]:
    """Every event with its payload and, in its own words, its audience."""
    return table(event_rows())


def event_rows() -> list[tuple[str, ...]]:
    """Name, payload and meaning of each event that the server sends."""
    return sorted(
        (name, ", ".join(event.described_fields()) or "-", (inspect.getdoc(event) or "").replace("\n", " "))
        for name, classes in CATALOGUE.items()
        for event in classes
        if event.__module__.startswith("server.")
    )


def config() -> Iterator[str]:
    """Every setting with the value in force, its default where that differs, and its variable."""
    current, default = load_config(os.environ), Config()
    masked = dict.fromkeys((key for key in secrets_of(current) if value_of(current, key)), MASK)
    rows = []
    for key in KEYS:
        value, usual = value_of(current, key), value_of(default, key)
        shown = masked.get(key) or msgspec.json.encode(value).decode()
        note = "" if value == usual else f"default {msgspec.json.encode(usual).decode()}"
        rows.append((key, shown, variable_of(key), note))
    return table(rows)


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The rows as lines of text whose columns stand below each other."""
    if not rows:
        return
    widths = [min(60, max(len(row[column]) for row in rows)) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()


def api() -> str:
    """The OpenAPI document of all operations, as JSON."""
    found = [route for router in ROUTERS for route in router.routes]
    return msgspec.json.format(msgspec.json.encode(openapi(found, __version__)), indent=2).decode()
