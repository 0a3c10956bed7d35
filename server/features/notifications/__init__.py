"""Telling people of posts who are not looking: by e-mail, by push notifications, and by automatic replies.

A post enqueues one job (`listeners.py`), and only where mail or push is configured. Its handler reads the post and
those who may be told (`queries.py`), decides for each by pure rules (`rules.py`), and leaves a job for each mail
(`mails.py`, `mail_service.py`) and for each phone (`push_texts.py`, `push_service.py`). `auto_service.py` replies for
those who are out of office, `trial_service.py` tries whether all that works. Writes the table batched_mails. The
surprise: what has been read meanwhile is not sent.
"""
