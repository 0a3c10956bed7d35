"""Somebody who uses all that has a secret: what is known then must not stand anywhere else."""

import base64
import re

from msgspec import Struct

from tests.clients_of import Client
from tests.features.mfa.test_mfa import code_of
from tests.features.oauth.world import App, consent, fetch, pkce, register
from tests.features.users.test_mail_flows import token_in
from tests.make import PASSWORD, Make, Person, Reaching
from tests.receiver import Receiver
from tests.smtp import MailServer

SMTP_PASSWORD, S3_SECRET = "Sm7p-passw0rd-of-the-mail-server", "s3-secret-s3-secret-s3-secret"
PUBLIC_SALT = "salt-of-public-links-salt-of-public-links"
INVITATION = "team's invitation"
CHANGED = "Kalliope-0815-secret"

SETTINGS = {
    "MM_SERVICESETTINGS_ENABLEMULTIFACTORAUTHENTICATION": "true",
    "MM_SERVICESETTINGS_ENABLEUSERACCESSTOKENS": "true",
    "MM_SERVICESETTINGS_ENABLEOAUTHSERVICEPROVIDER": "true",
    "MM_SERVICESETTINGS_ENABLEBOTACCOUNTCREATION": "true",
    "MM_SERVICESETTINGS_ENABLEEMAILINVITATIONS": "true",
    "MM_SERVICESETTINGS_ALLOWEDUNTRUSTEDINTERNALCONNECTIONS": "127.0.0.1",
    "MM_SERVICESETTINGS_SITEURL": "https://chat.example.org",
    "MM_EMAILSETTINGS_SMTPSERVER": "127.0.0.1",
    "MM_EMAILSETTINGS_FEEDBACKEMAIL": "hub@example.org",
    "MM_FILESETTINGS_ENABLEPUBLICLINK": "true",
}


class Secrets(Struct):
    """All that lets somebody in, by what it is, and what is needed to try it."""

    known: dict[str, str]
    ada: Person
    hook_path: str
    response_path: str
    team_id: str
    command_id: str
    outgoing_id: str


async def live(node: Reaching, mails: MailServer, receiver: Receiver) -> Secrets:
    """Somebody uses all that has a secret."""
    make = Make(node)
    await make.sign_up_admin()
    admin, known = node.client(make.admin.token), {"password": PASSWORD, "administrator's session": make.admin.token}
    ada = await make.user("ada")
    team = await make.team(members=[ada], owner=make.admin)
    channel = await make.channel(team, members=[ada], owner=make.admin)
    hers = node.client(ada.token)
    known |= {"session": ada.token, INVITATION: team.body["invite_id"]}
    known |= await _mailed(node, mails, make, ada)
    known["access token"] = (await admin.post("/users/me/tokens", {"description": "x"})).ok()["token"]
    bot = (await admin.post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]
    known["bot's token"] = (await admin.post(f"/users/{bot}/tokens", {"description": "x"})).ok()["token"]
    known |= await _factors(hers, admin, ada)
    hook = (await admin.post("/hooks/incoming", {"channel_id": channel.id})).ok(201)["id"]
    wanted = {"team_id": team.id, "trigger_words": ["ship"], "callback_urls": [f"{receiver.url}/out"]}
    outgoing = (await admin.post("/hooks/outgoing", wanted)).ok(201)
    wanted = {"team_id": team.id, "trigger": "deploy", "method": "P", "url": f"{receiver.url}/command"}
    command = (await admin.post("/commands", wanted)).ok(201)
    await hers.post("/commands/execute", {"channel_id": channel.id, "command": "/deploy now"})
    response = (await receiver.next()).form["response_url"][0].removeprefix("https://chat.example.org")
    known |= {
        "incoming webhook": hook,
        "outgoing webhook's token": outgoing["token"],
        "command's token": command["token"],
        "response url": response.rpartition("/")[2],
    }
    known |= await _let_in(node, admin, hers)
    changes = {"EmailSettings": {"SMTPPassword": SMTP_PASSWORD}, "FileSettings": {"AmazonS3SecretAccessKey": S3_SECRET}}
    (await admin.put("/config/patch", changes)).ok()
    (await admin.put("/config/patch", {"FileSettings": {"PublicLinkSalt": PUBLIC_SALT}})).ok()
    (await admin.put("/config/patch", {"FileSettings": {"PublicLinkSalt": ""}})).ok()
    known |= {"mail password": SMTP_PASSWORD, "S3 secret": S3_SECRET, "former salt": PUBLIC_SALT}
    return Secrets(known, ada, f"//hooks/{hook}", f"/{response}", team.id, command["id"], outgoing["id"])


async def _mailed(node: Reaching, mails: MailServer, make: Make, ada: Person) -> dict[str, str]:
    known = {"verification": token_in(await mails.to(ada.email))}
    bob = await make.user("bob")
    await node.client().post("/users/password/reset/send", {"email": bob.email})
    known["reset"] = token_in(await mails.to(bob.email, "password"))
    team = await make.team(owner=make.admin)
    await node.client(make.admin.token).post(f"/teams/{team.id}/invite/email", ["guest@example.org"])
    invited = (await mails.to("guest@example.org")).text
    found = re.search(r"[?&]t=([0-9a-v]+)", invited)
    assert found is not None, invited
    change = {"current_password": PASSWORD, "new_password": CHANGED}
    eve = await make.user("eve")
    (await node.client(eve.token).put("/users/me/password", change)).ok()
    return {**known, "invitation by mail": found[1], "changed password": CHANGED}


async def _factors(hers: Client, admin: Client, ada: Person) -> dict[str, str]:
    secret = (await hers.post(f"/users/{ada.id}/mfa/generate")).ok()["secret"]
    (await hers.put("/users/me/mfa", {"activate": True, "code": code_of(secret)})).ok()
    pending = (await hers.post("/users/me/mfa/generate")).ok()["secret"]
    return {
        "second factor": secret,
        "waiting second factor": pending,
        "second factor's bytes": base64.b32decode(secret).hex(),
    }


async def _let_in(node: Reaching, admin: Client, hers: Client) -> dict[str, str]:
    app: App = await register(admin)
    granted = (
        await fetch(node.client(), app, grant_type="authorization_code", code=(await consent(hers, app))["code"])
    ).ok()
    verifier, challenge = pkce()
    waiting = (await consent(hers, app, **challenge))["code"]
    return {
        "app's secret": app.secret,
        "app's access": granted["access_token"],
        "app's refresh": granted["refresh_token"],
        "app's code": waiting,
        "verifier": verifier,
    }
