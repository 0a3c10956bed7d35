"""People: accounts, profiles, pictures, passwords, and lists and searches of them.

`service.py` reads people through the cache and changes profiles, `sign_up.py` makes accounts (and lets them join a
team), `password_service.py` and `email_service.py` do what needs a proof, `picture_service.py` the images, `visible.py`
says what callers get to see. Writes users, credentials and mail_tokens. Events: new_user, user_updated (three views),
user_role_updated, user_activation_status_change. The surprise: others may call `service.py`, which therefore
knows no teams and channels; what does is in modules of its own.
"""
