"""A bot that only listens, with one of the Python clients as published: each message that its library hands to it
goes out as a JSON line. Run as a program of its own, as bots are: LIBRARY PORT TOKEN."""

import asyncio
import importlib
import json
import sys

DRIVERS = {"mattermostdriver": "Driver", "mattermostautodriver": "TypedDriver"}


async def tell(message: str) -> None:
    """Print what the library handed over."""
    print(json.dumps({"frame": json.loads(message)}), flush=True)


def main(library: str, port: str, token: str) -> None:
    """Listen until the process is ended."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    driver = getattr(importlib.import_module(library), DRIVERS[library])(
        {
            "scheme": "http",
            "url": "127.0.0.1",
            "port": int(port),
            "token": token,
            "keepalive": True,
            "keepalive_delay": 0.2,
        }
    )
    driver.login()
    driver.init_websocket(tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
