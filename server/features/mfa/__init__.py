"""Second factors: codes of an authenticator app, asked for after the password.

`codes.py` makes and checks codes, `service.py` switches the factor on and off. Writes the mfa columns of credentials
and `mfa_active` of users. Events: those of users. The surprises: a newly generated secret waits beside the one in use
until a code proves it, and a code is good for one sign-in only, whichever node is asked: who takes the last step of
a secret wins.
"""
