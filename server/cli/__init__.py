"""The `hubbub` command, one file per noun: outermost, so it may import everything and nobody imports it."""
