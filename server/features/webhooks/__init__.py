"""Incoming webhooks: addresses to which programs send messages without an account.

`service.py` manages hooks, `payload.py` reads what is sent to one, `slack.py` turns Slack's marks into ours, and
`incoming.py` posts it. Writes the table incoming_webhooks. Events: none of its own; `posted` tells of the messages.
The surprise: a message is posted as the owner of the hook and with the owner's rights, except that into the open
channels of the hook's team it may always go.
"""
