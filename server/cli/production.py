"""The settings that commands take from the environment when nothing embedded is there to help."""

from collections.abc import Mapping

from server.cli.failure import CommandError
from server.config import Config, Overrides, read_environment
from server.config.environment import variable_of


def production_settings(environ: Mapping[str, str]) -> tuple[Config, Overrides]:
    """The settings of `environ`, which must name PostgreSQL and Redis, and which of them it holds."""
    overrides = read_environment(environ)
    config = overrides.apply(Config())
    for key, value in (
        ("SqlSettings.DataSource", config.SqlSettings.DataSource),
        ("CacheSettings.RedisAddress", config.CacheSettings.RedisAddress),
    ):
        if not value:
            raise CommandError(f"{variable_of(key)} is not set; `hubbub dev` brings its own PostgreSQL and Redis")
    return config, overrides
