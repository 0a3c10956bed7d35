"""Options of the test beside Locust's own, each with an environment variable."""

from argparse import Namespace
from dataclasses import dataclass, fields
from typing import Any

from locust.argument_parser import LocustArgumentParser

from loadtest import mix, rules

SHAPES = ("ramp", "steady", "spike", "soak", "capacity")


@dataclass(frozen=True)
class Options:
    """What was chosen; the names are those on the command line."""

    admin: str = "loadadmin"
    admin_password: str = "Load-admin-1"  # noqa: S105 - of a server made for the test
    user_password: str = "Load-user-1"  # noqa: S105 - likewise
    accounts: int = 0
    posts_each: float = 15.0
    idle: float = mix.IDLE
    same_rate: bool = False
    least_frequency: float = mix.LEAST_FREQUENCY
    only: str = ""
    without: str = ""
    call_timeout: float = 30.0
    shape: str = ""
    cpu_of: str = ""
    figures: str = ""
    max_mean: float = rules.MEAN_MS
    max_p99: float = rules.P99_MS
    max_failed: float = rules.FAILED_PERCENT
    bots: int = 20
    hotspot_rate: float = 5.0
    storm_every: float = 30.0
    storm_away: float = 2.0
    step_time: float = 30.0

    @staticmethod
    def of(parsed: Namespace | None) -> "Options":
        """Those of a parsed command line."""
        found = vars(parsed) if parsed is not None else {}
        return Options(**{each.name: found[each.name] for each in fields(Options) if each.name in found})

    @property
    def only_actions(self) -> list[str]:
        """The names of --only."""
        return [name for name in self.only.split(",") if name]

    @property
    def unwanted_features(self) -> list[str]:
        """The names of --without."""
        return [name for name in self.without.split(",") if name]


def add_options(parser: LocustArgumentParser) -> None:
    """Teach Locust's command line about them."""

    def option(flag: str, text: str, **more: Any) -> None:
        name = flag.removeprefix("--").replace("-", "_")
        default = getattr(Options, name)
        if isinstance(default, bool):
            more["action"] = "store_true"
        else:
            more.setdefault("type", type(default))
            more["default"] = default
            text += f" (default: {default})" if default not in ("", 0) else ""
        parser.add_argument(flag, help=text.replace("%", "%%"), env_var=f"LOADTEST_{name.upper()}", **more)

    option("--admin", "name of an administrator; made on a server that has no account yet")
    option("--admin-password", "and the password", is_secret=True)
    option("--user-password", "password of the accounts that the test makes", is_secret=True)
    option("--accounts", "make data for at least so many accounts (default: --users)")
    option("--posts-each", "posts that the data starts with, for each account")
    option("--idle", "seconds between two actions of a user of rate 1, on average; at least 1")
    option("--same-rate", "all users have rate 1; else 5, 10, 15, 40 and 30 % are 1, 2, 3, 6 and 30 times slower")
    option("--least-frequency", "leave out actions that are rarer, relative to posting")
    option("--only", "only these actions, as SwitchChannel,CreatePost; their frequencies stay")
    option("--without", "do as if the server lacked these features, as drafts,bookmarks")
    option("--call-timeout", "seconds until a call has failed")
    option(
        "--shape", f"how the number of users goes: {', '.join(SHAPES)}; --users is the highest", choices=("", *SHAPES)
    )
    option("--cpu-of", "count the CPU of these processes and their children: server=123,postgres=124")
    option("--figures", "also write what the table says to this file, as JSON")
    option("--max-mean", "stop rule: milliseconds that requests may take in the mean")
    option("--max-p99", "stop rule: milliseconds that 99 % of requests must not exceed")
    option("--max-failed", "stop rule: percent of requests that may fail by 5xx, timeouts or broken connections")
    option("--bots", "bot accounts that Bots share")
    option("--hotspot-rate", "posts a second of all Hotspot users together")
    option("--storm-every", "seconds between two storms")
    option("--storm-away", "seconds within which Storm users come back")
    option("--step-time", "seconds that a step of the capacity shape is measured")
