"""The world of the tests of posts."""

from tests.features.posts.conftest import member, world

__all__ = ["member", "world"]
