"""The world of the tests of posts."""

from tests.features.posts.conftest import member, same_world, world

__all__ = ["member", "same_world", "world"]
