"""Webhooks: addresses to which programs send messages without an account, and programs that messages call.

Incoming ones: `service.py` manages them, `payload.py` reads what is sent to one, `slack.py` turns Slack's marks into
ours, `incoming.py` finds out where it goes and `posting.py` posts it. Outgoing ones: `outgoing_service.py` manages
them, `outgoing.py` says which of them a new post calls, calls them in a job and posts what they answer, and
`slow_targets.py` knows whom not to call for a while. Writes the
tables incoming_webhooks and outgoing_webhooks. Events: none of its own; `posted` tells of the messages.
The surprise: a message is posted as the owner of the hook and with the owner's rights, except that into the open
channels of the hook's team it may always go; and an answer has an id that is made of what it answers, so that it is
there once however often its call is repeated.
"""
