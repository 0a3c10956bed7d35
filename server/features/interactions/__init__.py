"""Buttons and menus in messages, and dialogs: what people do there reaches the program that put them there.

`action_service.py` runs the actions of posts, `dialog_service.py` opens dialogs and takes what is filled in,
`calls.py` asks the programs. Writes no table: what actions call stays with their posts (posts/integrations.py).
Events: open_dialog. The surprise: whoever clicks needs only to read the channel, the program then changes the post.
"""
