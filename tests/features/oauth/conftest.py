"""The world of these tests."""

from tests.features.oauth.world import ada, app, public_app, switched_on

__all__ = ["ada", "app", "public_app", "switched_on"]
