"""The way out: WebSocket connections, and which event goes to which of them.

`protocol.py` speaks WebSocket (`handshake.py`, `parser.py`, `frames.py`), `connection.py` is what a client resumes,
`hub.py` alone maps topics to connections, `resume.py` carries a connection to another node, `actions.py` answers what
clients ask. It knows no feature: it forwards sealed envelopes. The surprise: nothing here has a queue or a task per
connection; frames wait in a list and leave in one write.
"""
