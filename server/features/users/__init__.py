"""People: accounts, profiles, pictures, passwords, and lists and searches of them.

`service.py` reads people through the cache and changes profiles, `sign_up.py` makes accounts (and lets them join a
team), `password_service.py` and `email_service.py` do what needs a proof, `picture_service.py` the images,
`account_service.py` what only administrators do, `guesthood.py` what follows from becoming a guest, `visible.py` says
what callers get to see, `news.py` tells of changed profiles. Writes users, credentials, mail_tokens and mail_quotas
(second factors are written by mfa, bots' rows by bots). Events:
new_user, user_updated (a view each for the user, administrators, others, and guests), user_role_updated,
user_activation_status_change. The surprise: others may call `service.py`, which therefore knows no teams and channels;
what does is in modules of its own.
"""
