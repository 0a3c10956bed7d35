"""Personal access tokens: secrets by which programs act as a person or bot for as long as its owner wants.

Writes the table user_access_tokens. Events: none; the signal SessionsEnded tells the gateways. The surprise: a token
has no row in sessions. Authentication finds it beside them and takes it for a session with the token's id, so that
there is nothing to make at its first use, and nothing but the token to end.
"""
