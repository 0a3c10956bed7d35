"""Roles: named lists of permissions. Built-in ones are written once, at the first start; then the table counts.

Table: roles. Events: role_updated. A change drops the tag "roles" of every node's cache, so it holds everywhere
within a moment.
"""
