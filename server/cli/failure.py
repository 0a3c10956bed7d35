"""How a command fails that was told something impossible."""


class CommandError(Exception):
    """A command can't do what it was told; the message is one line that says why."""
