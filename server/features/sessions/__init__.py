"""Sessions: signing in and out, what is signed in where, and ending it.

`login_service.py` checks who someone is, `service.py` makes and ends sessions, `activity.py` keeps used ones alive,
`lifetimes.py` says how long they last. Writes the table sessions. Events: none; the signals SessionsEnded and
SessionsChanged tell the gateways. The surprise: `service.py` knows nothing of users, so that users may call it.
"""
