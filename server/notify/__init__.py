"""The ways to the outside: mail to people, and HTTP to addresses that users chose."""
