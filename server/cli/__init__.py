"""The `hubbub` command: one file per noun. It is outermost, so it may import everything and nobody imports it."""
