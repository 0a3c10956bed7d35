"""How much hypothesis tries: the same few cases in every run of the suite, many random ones with the profile "long".

pytest --hypothesis-profile=long tests/stateful tests/fuzzing
"""

from typing import Any

from hypothesis import HealthCheck, settings

LONG = "long"

MORE = 50
"""How many times the examples of the suite the long profile tries."""

UNHURRIED: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
"""On a machine that does other things as well any example may take long, and so may making it up."""

settings.register_profile(LONG, print_blob=True, **UNHURRIED)
settings.register_profile("suite", derandomize=True, database=None, **UNHURRIED)
settings.load_profile("suite")


def is_long() -> bool:
    """Whether the long profile is in force."""
    return settings.get_current_profile_name() == LONG


def tries(examples: int, **more: Any) -> settings:
    """Settings for so many examples in the suite; slow ones are no fault."""
    return settings(
        max_examples=examples * (MORE if is_long() else 1),
        derandomize=not is_long(),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def seconds(short: int) -> int:
    """How long a test may take that takes at most `short` seconds in the suite."""
    return short * MORE if is_long() else short
