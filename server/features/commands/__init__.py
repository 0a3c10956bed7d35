"""Slash commands: those of the server, and those of programs outside.

`service.py` manages the custom ones; `execution.py` finds what a line means and runs it; `calls.py` asks the program
of a custom command; `answers.py` shows or posts what a command answers, also later over its response_url; `built_in/`
holds the server's own, one file per family; `suggestions.py` completes what is being typed. Writes the tables
commands and command_responses. Events: none of its own. The surprise: what a command says to its caller is an
ephemeral post, so a built-in command that is refused still answers 200; only lines that mean nothing are errors.
"""
