"""The bus: events and signals go to topics in Redis, sealed once, in order, and without silent gaps.

`event.py` and `signals.py` say what is told, `envelope.py` how it travels, `bus.py` is what the rest of the server
uses. Topics: "user:<id>", "channel:<id>", "team:<id>", "insiders" (all but guests), "all", "nodes", "node:<id>". Every
publish gets a position, one count for the whole service that rises in the order in which all subscribers see the
messages; each topic keeps its last messages in a stream, from which subscribers fill gaps. What can't be filled is
reported, never passed over.
"""
