"""A day of three people that calls every operation of daily use once, through mattermostautodriver."""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in ("people", "places", "programs", "talk")))
