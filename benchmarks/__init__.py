"""Programs that measure parts of the server; each says how to run it."""
