"""Arranging the sidebar."""

import msgspec

from loadtest.person import NoTarget, Person


def update_sidebar_category(person: Person) -> None:
    """Fold the category of channels, or unfold it."""
    if not person.categories:
        data = person.rest.get("/users/me/teams/{}/channels/categories", person.team_id)
        person.categories = msgspec.json.decode(data)["categories"]
    category = next((each for each in person.categories if each["type"] == "channels"), None)
    if category is None:
        raise NoTarget
    category["collapsed"] = not category.get("collapsed")
    person.rest.put("/users/me/teams/{}/channels/categories", person.team_id, body=[category])
