"""Lets new posts call outgoing webhooks."""

from server.features.posts.followups import FOLLOWUPS
from server.features.webhooks.outgoing import plan_calls


def listen() -> None:
    """Plan for posts from now on; a second call changes nothing."""
    if plan_calls not in FOLLOWUPS:
        FOLLOWUPS.append(plan_calls)
