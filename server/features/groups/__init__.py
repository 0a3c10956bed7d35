"""Groups of people that are called by one @name: made by users, kept by whoever may edit them.

`routes.py` has the operations, `service.py` the rules. Writes groups and group_members. Who is called by a group's name
in a channel is the business of posts (`posts/group_mentions.py`), which remembers it under the tag "groups".
Groups of directories (LDAP) and what they would bind to teams and channels are not there, so those lists are empty.
"""
