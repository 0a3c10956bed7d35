"""What must differ between nodes that share a machine and an environment."""

from server.config import Config
from server.config.environment import variable_of
from server.config.rules import listen_address

ADDRESS = variable_of("ServiceSettings.ListenAddress")
METRICS_ADDRESS = variable_of("MetricsSettings.ListenAddress")
NODE_ID = variable_of("HubbubSettings.NodeId")


def settings_of(config: Config, number: int) -> dict[str, str]:
    """The variables of the `number`th node, from 1: metrics on the next port, an id with its number."""
    settings = {}
    host, port = listen_address(config.MetricsSettings.ListenAddress)
    if config.MetricsSettings.Enable and port:
        settings[METRICS_ADDRESS] = address(host, port + number - 1)
    if config.HubbubSettings.NodeId:
        settings[NODE_ID] = f"{config.HubbubSettings.NodeId}-{number}"
    return settings


def address(host: str, port: int) -> str:
    """Host and port as one text: the reverse of `listen_address`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
