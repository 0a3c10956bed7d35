"""Settings from the environment: `MM_<SECTION>_<KEY>` overrides a setting and locks it against changes."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from server.config.keys import KEYS, ConfigError, typed, with_values
from server.config.model import FEATURE_FLAGS, Config
from server.config.rules import check

PREFIX = "MM_"

_WORDS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


def variable_of(key: str) -> str:
    """The variable that overrides a setting: "TeamSettings.SiteName" → "MM_TEAMSETTINGS_SITENAME"."""
    return PREFIX + key.replace(".", "_").upper()


_KEYS_BY_VARIABLE = {variable_of(key): key for key in KEYS if key != "FeatureFlags"}
_FLAGS_BY_VARIABLE = {variable_of(f"FeatureFlags.{name}"): f"FeatureFlags.{name}" for name in FEATURE_FLAGS}


class Overrides(Struct, frozen=True):
    """The settings that the environment holds, by key."""

    values: Mapping[str, Any]

    def apply(self, config: Config) -> Config:
        """`config` with the overrides in force. ConfigError, naming the variable, when one makes no sense."""
        return self.checked(with_values(config, self.values))

    def checked(self, config: Config) -> Config:
        """`config` itself if its values make sense; blames the variable for a setting that one overrides."""
        try:
            return check(config)
        except ConfigError as error:
            if error.key in self.values:
                raise ConfigError(variable_of(error.key), error.reason, error.id) from None
            raise

    @property
    def locked(self) -> frozenset[str]:
        """The keys that no request may change."""
        return frozenset(self.values)

    def as_tree(self) -> dict[str, Any]:
        """The keys as API v4 shows them: section → key → true."""
        tree: dict[str, Any] = {}
        for key in self.values:
            *sections, name = key.split(".")
            branch = tree
            for section in sections:
                branch = branch.setdefault(section, {})
            branch[name] = True
        return tree


def read_environment(environ: Mapping[str, str]) -> Overrides:
    """The overrides in `environ`. Raises ConfigError, naming the variable, for a value of the wrong type."""
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if flag := _FLAGS_BY_VARIABLE.get(variable):
            values[flag] = _WORDS.get(text.lower(), text)
        elif key := _KEYS_BY_VARIABLE.get(variable):
            kind = KEYS[key]
            # Compose files hand on variables that are not set as empty ones.
            if text or kind is str:
                values[key] = typed(variable, _parse(variable, text, kind), kind)
    return Overrides(values)


def load_config(environ: Mapping[str, str]) -> Config:
    """The defaults with the overrides of `environ`. Raises ConfigError, a clear line, for a bad variable."""
    return read_environment(environ).apply(Config())


def _parse(variable: str, text: str, kind: Any) -> Any:
    if kind is str:
        return text
    parser = _PARSERS.get(kind)
    if parser is not None:
        return parser(variable, text.strip())
    if kind == tuple[str, ...] and not text.lstrip().startswith("["):
        return text.replace(",", " ").split()
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # The text is not shown, it may hold a password.
        raise ConfigError(variable, "must be JSON") from None


def _boolean(variable: str, text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ConfigError(variable, f"must be true or false, not {_quoted(text)}")
    return _WORDS[text.lower()]


def _integer(variable: str, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise ConfigError(variable, f"must be a whole number, not {_quoted(text)}")
    return int(text)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


_PARSERS: Mapping[Any, Callable[[str, str], Any]] = {bool: _boolean, int: _integer}
