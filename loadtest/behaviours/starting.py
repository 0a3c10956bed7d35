"""What a client loads when it starts."""

import msgspec

from loadtest.behaviours.channels import read_channel
from loadtest.filling import Made
from loadtest.person import Channel, Person

ROLES = ["system_user", "team_user", "channel_user"]


def load(person: Person) -> None:
    """Everything that a client fetches before it can show the first channel."""
    rest, features = person.rest, person.run.features
    rest.get("/config/client?format=old")
    rest.get("/license/client?format=old")
    rest.get("/users/me")
    rest.get("/users/me/preferences")
    rest.post("/roles/names", body=ROLES)
    teams = msgspec.json.decode(rest.get("/users/me/teams"), type=list[Made])
    person.pick_team([team.id for team in teams])
    rest.get("/users/me/teams/members")
    rest.get("/users/me/teams/unread")
    rest.get("/users?page=0&per_page=100")
    if "plugins" in features:
        rest.get("/plugins/webapp")
    for team in teams:
        channels = msgspec.json.decode(rest.get("/users/me/teams/{}/channels", team.id), type=list[Channel])
        person.take_sidebar(channels, team.id)
        rest.get("/users/me/teams/{}/channels/members", team.id)
        if "threads" in features:
            rest.get("/users/me/teams/{}/threads?totalsOnly=true", team.id)
        if "categories" in features:
            rest.get("/users/me/teams/{}/channels/categories", team.id)
    rest.post("/users/status/ids", body=person.posters())
    rest.get("/channels/{}/stats", person.channel.id)
    person.fetched.pop(person.channel.id, None)
    read_channel(person)
    if "drafts" in features:
        rest.get("/users/me/teams/{}/drafts", person.team_id)
    if "scheduled_posts" in features:
        rest.get("/posts/scheduled/team/{}?includeDirectChannels=true", person.team_id)


def learn_channels(person: Person) -> None:
    """Fetch the sidebar and nothing else."""
    teams = msgspec.json.decode(person.rest.get("/users/me/teams"), type=list[Made])
    person.pick_team([team.id for team in teams])
    for team in teams:
        data = person.rest.get("/users/me/teams/{}/channels", team.id)
        person.take_sidebar(msgspec.json.decode(data, type=list[Channel]), team.id)


def start(person: Person) -> None:
    """Sign in, load, connect."""
    person.sign_in()
    load(person)
    person.reconnect()


def full_reload(person: Person) -> None:
    """Load the page anew: nothing is resumed."""
    person.forget_connection()
    try:
        load(person)
    finally:
        person.reconnect()


def logout_login(person: Person) -> None:
    """Leave and come back; who could not come back the last time just comes back."""
    if person.signed_in:
        person.sign_out()
    start(person)
