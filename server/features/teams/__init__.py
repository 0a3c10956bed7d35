"""Teams and who is in them.

Tables: teams, team_members. Events: added_to_team, leave_team, update_team, delete_team, restore_team,
memberrole_updated.

    service.py         make, change, archive, restore, delete teams; what a caller may see of one
    member_service.py  join (by oneself, by others, by invitation), leave, roles
    lists.py           teams listed and searched; icons.py the icon; invites.py invitations by mail,
                       accepting.py coming in by one

Leaving keeps the row of the member (delete_at), joining again revives it. The surprise: a team of any type can be
joined by everyone when allow_open_invite is on; type "O" says whether invitations may show it before.
"""
