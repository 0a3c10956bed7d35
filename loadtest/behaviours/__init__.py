"""What users do, one module per kind of it; each function makes the calls of a real client, in its order.

A function ends with CallFailed when a call fails, which is counted already, and with NoTarget when there is nothing
to do it to.
"""

from collections.abc import Callable

from loadtest.behaviours import (
    channels,
    connecting,
    drafts,
    posting,
    profiles,
    scheduling,
    searching,
    sidebar,
    starting,
    threads,
)
from loadtest.person import Person

BEHAVIOURS: dict[str, Callable[[Person], None]] = {
    "SwitchChannel": channels.switch_channel,
    "ScrollChannel": channels.scroll_channel,
    "UnreadCheck": channels.unread_check,
    "OpenDirectOrGroupChannel": channels.open_direct_or_group_channel,
    "CreateDirectChannel": channels.create_direct_channel,
    "CreateGroupChannel": channels.create_group_channel,
    "JoinChannel": channels.join_channel,
    "CreatePost": posting.create_post,
    "EditPost": posting.edit_post,
    "DeletePost": posting.delete_post,
    "AddReaction": posting.add_reaction,
    "ClickPermalink": posting.click_permalink,
    "UpsertDraft": drafts.upsert_draft,
    "DeleteDraft": drafts.delete_draft,
    "GetDrafts": drafts.get_drafts,
    "ViewGlobalThreads": threads.view_global_threads,
    "ViewThread": threads.view_thread,
    "UpdateThreadRead": threads.update_thread_read,
    "UnfollowThread": threads.unfollow_thread,
    "SearchUsers": searching.search_users,
    "SearchPosts": searching.search_posts,
    "SearchPostsInAllTeams": searching.search_posts_in_all_teams,
    "SearchChannels": searching.search_channels,
    "SearchGroupChannels": searching.search_group_channels,
    "ClickUserProfile": profiles.click_user_profile,
    "UpdateCustomStatus": profiles.update_custom_status,
    "RemoveCustomStatus": profiles.remove_custom_status,
    "UpdateSidebarCategory": sidebar.update_sidebar_category,
    "CreateScheduledPost": scheduling.create_scheduled_post,
    "UpdateScheduledPost": scheduling.update_scheduled_post,
    "DeleteScheduledPost": scheduling.delete_scheduled_post,
    "ReconnectWebSocket": connecting.reconnect_websocket,
    "FullReload": starting.full_reload,
    "LogoutLogin": starting.logout_login,
}
"""By the names of the mix."""
