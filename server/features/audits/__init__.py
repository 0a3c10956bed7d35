"""What happened to accounts: sign-ins and failed ones, changed passwords, factors, roles and activation.

`log.py` writes: changes in the transaction that makes them, sign-ins from memory in one statement now and then, since
these are frequent. Writes the table audits, of which each account keeps its newest rows only, and none for ever.
Events: none. The surprise: a row belongs to the account that it is about; who did it, if somebody else, is in
`extra_info`. No row holds a secret, or what somebody typed.
"""
