"""The settings: what they are (`model`), where they come from (`environment`), how they change (`change`,
`rules`) and what clients get to see of them (`masking`, `client`).

Names, sections and meaning are Mattermost's; `HubbubSettings` holds what has no counterpart there. A `Config`
is immutable: a change makes a new one, and whoever needs a setting reads it from the current one at each use.
"""

from server.config.change import diff, merge
from server.config.environment import Overrides, load_config, read_environment
from server.config.keys import ConfigError
from server.config.model import Config

__all__ = ["Config", "ConfigError", "Overrides", "diff", "load_config", "merge", "read_environment"]
