"""Terms of service that people accept in their clients: the text in force, and who has accepted which.

Writes the tables terms_of_service and user_terms_of_service. Events: config_changed, by which clients learn that there
is a new text. The surprise: clients ask people to accept and end the session of those who don't; the server only keeps
what they answered, and says it in the profile of the user.
"""
