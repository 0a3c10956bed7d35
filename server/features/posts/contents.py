"""Telling that the pinned posts of channels, or the files in their posts, became more or fewer."""

from collections.abc import Iterable

from server.features.channels.counts import contents_tag
from server.features.posts.models import StoredPost


def contents_of(rows: Iterable[StoredPost]) -> set[str]:
    """What to forget when these posts come or go: the tags of channels where some are pinned or have files."""
    return {contents_tag(row.channel_id) for row in rows if row.is_pinned or row.file_ids}
