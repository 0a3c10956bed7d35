"""What clients hear of groups."""

from typing import ClassVar

from server.bus.event import AsJson, Audience, Event
from server.features.groups.models import Group, GroupMember


class GroupReceived(Event, frozen=True, kw_only=True):
    """A group was made, changed, archived or restored. For everyone but guests."""

    name: ClassVar[str] = "received_group"

    group: AsJson[Group]

    def audience(self) -> Audience:
        """Everyone but guests."""
        return Audience(insiders=True)


class GroupMemberEvent(Event, frozen=True, kw_only=True):
    """Base of the events that carry a membership. For the member."""

    group_member: AsJson[GroupMember]

    def audience(self) -> Audience:
        """The member."""
        return Audience(user_id=self.group_member.user_id)


class GroupMemberAdded(GroupMemberEvent, frozen=True, kw_only=True):
    """Someone came into a group. For that user."""

    name: ClassVar[str] = "group_member_add"


class GroupMemberDeleted(GroupMemberEvent, frozen=True, kw_only=True):
    """Someone left a group. For that user."""

    name: ClassVar[str] = "group_member_deleted"
