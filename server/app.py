"""The composition root: the only place that builds the parts of a node and lists its routers by name."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import structlog

from server.access.addresses import client_ip, counted_address
from server.access.grants import any_grants, permissions_at_hand, role_permissions
from server.access.permissions import Permission
from server.access.rates import Rates
from server.access.request_limits import RequestLimits
from server.access.sessions import SessionReads, is_switched_off, lacks_factor, session_at_hand, session_by_token
from server.bus.bus import Bus
from server.bus.doubts import Doubts
from server.bus.signals import Invalidate
from server.cache import Cache
from server.config import Config, ConfigError, Overrides, diff
from server.config.client import version_id
from server.config.keys import value_of
from server.context import Context, Services, Session, request_context
from server.db import Pool
from server.db.grouped import GroupedReads
from server.db.migrate import migrate
from server.features.acknowledgements import routes as acknowledgements
from server.features.audits import jobs as audits_jobs
from server.features.audits import routes as audits
from server.features.audits.log import AuditLog
from server.features.bookmarks import jobs as bookmarks_jobs
from server.features.bookmarks import routes as bookmarks
from server.features.bots import routes as bots
from server.features.channels import list_routes as channel_lists
from server.features.channels import member_routes as channel_members
from server.features.channels import routes as channels
from server.features.channels.member_queries import topics_of
from server.features.channels.read_marks import ReadMarks
from server.features.commands import jobs as commands_jobs
from server.features.commands import routes as commands
from server.features.drafts import jobs as drafts_jobs
from server.features.drafts import routes as drafts
from server.features.emoji import jobs as emoji_jobs
from server.features.emoji import routes as emoji
from server.features.files import jobs as files_jobs
from server.features.files import routes as files
from server.features.groups import routes as groups
from server.features.guests import jobs as guests_jobs
from server.features.guests import routes as guests
from server.features.interactions import routes as interactions
from server.features.interactions.calls import CallsUnderWay
from server.features.mfa import routes as mfa
from server.features.notifications import actions as notification_actions
from server.features.notifications import jobs as notification_jobs
from server.features.notifications import routes as notifications
from server.features.oauth import flow_routes as oauth_flow
from server.features.oauth import jobs as oauth_jobs
from server.features.oauth import routes as oauth
from server.features.persistent_notifications import jobs as persistent_notifications_jobs
from server.features.posts import jobs as posts_jobs
from server.features.posts import list_routes as post_lists
from server.features.posts import routes as posts
from server.features.posts.unpublished import Unpublished, find_missing
from server.features.posts.writer import PostWriter
from server.features.preferences import routes as preferences
from server.features.previews import jobs as previews_jobs
from server.features.previews import routes as previews
from server.features.previews.fetcher import Fetcher
from server.features.reactions import routes as reactions
from server.features.reminders import jobs as reminders_jobs
from server.features.reminders import routes as reminders
from server.features.roles import routes as roles
from server.features.roles.service import seed_roles
from server.features.scheduled_posts import jobs as scheduled_posts_jobs
from server.features.scheduled_posts import routes as scheduled_posts
from server.features.search import jobs as search_jobs
from server.features.search import routes as search
from server.features.search.service import Turns as SearchTurns
from server.features.secrets.service import prepare as prepare_secrets
from server.features.sessions import jobs as sessions_jobs
from server.features.sessions import routes as sessions
from server.features.sessions.activity import SessionActivity
from server.features.sidebar import routes as sidebar
from server.features.status import actions as status_actions
from server.features.status import routes as status
from server.features.status.presence import Presence
from server.features.system import absent, client_reports, empty_lists, health, onboarding, websocket
from server.features.system import jobs as system_jobs
from server.features.system import routes as system
from server.features.system.measures import node_registry
from server.features.system.metrics_port import MetricsPort
from server.features.system.store import ConfigStore
from server.features.teams import erasing
from server.features.teams import member_routes as team_members
from server.features.teams import routes as teams
from server.features.terms import routes as terms
from server.features.threads import routes as threads
from server.features.tokens import routes as tokens
from server.features.users import account_routes, picture_routes
from server.features.users import jobs as users_jobs
from server.features.users import routes as users
from server.features.webhooks import jobs as webhooks_jobs
from server.features.webhooks import outgoing_routes
from server.features.webhooks import routes as webhooks
from server.features.webhooks.slow_targets import SlowTargets
from server.features.welcome import routes as welcome
from server.features.welcome.nodes import NodeBeat
from server.gateway.actions import Actions
from server.gateway.gateway import Gateway
from server.http.api import Api
from server.http.router import Router, RouteTree
from server.ids import new_id, now_ms
from server.jobs.handlers import Jobs
from server.jobs.runner import Runner
from server.notify.outbound import Outbound
from server.sealing import Seals
from server.storage.blobs import Blobs
from server.storage.previews import Previews
from server.storage.texts import Texts

# How long cached rows are believed without news from the bus, in seconds: while it works, and while it is away.
TRUSTED_SECONDS = 300.0
BLIND_SECONDS = 3.0

ROUTERS: list[Router] = [
    welcome.router,
    welcome.page_router,
    system.router,
    health.router,
    health.outside,
    websocket.router,
    roles.router,
    users.router,
    account_routes.router,
    picture_routes.router,
    sessions.router,
    mfa.router,
    guests.router,
    terms.router,
    audits.router,
    tokens.router,
    bots.router,
    groups.router,
    oauth.router,
    oauth_flow.router,
    notifications.router,
    webhooks.router,
    webhooks.address,
    outgoing_routes.router,
    interactions.router,
    commands.router,
    commands.address,
    teams.router,
    team_members.router,
    posts.router,
    post_lists.router,
    scheduled_posts.router,
    reminders.router,
    acknowledgements.router,
    drafts.router,
    bookmarks.router,
    emoji.router,
    files.router,
    files.outside,
    search.router,
    previews.router,
    threads.router,
    reactions.router,
    preferences.router,
    status.router,
    channels.router,
    channel_members.router,
    channel_lists.router,
    sidebar.router,
    onboarding.router,
    client_reports.router,
    absent.router,
    empty_lists.router,
]

ACTIONS: list[Actions] = [
    status_actions.actions,
    notification_actions.actions,
]

JOBS: list[Jobs] = [
    system_jobs.jobs,
    users_jobs.jobs,
    sessions_jobs.jobs,
    oauth_jobs.jobs,
    audits_jobs.jobs,
    guests_jobs.jobs,
    posts_jobs.jobs,
    scheduled_posts_jobs.jobs,
    reminders_jobs.jobs,
    persistent_notifications_jobs.jobs,
    drafts_jobs.jobs,
    bookmarks_jobs.jobs,
    emoji_jobs.jobs,
    files_jobs.jobs,
    search_jobs.jobs,
    previews_jobs.jobs,
    commands_jobs.jobs,
    erasing.jobs,
    webhooks_jobs.jobs,
    notification_jobs.jobs,
]

log = structlog.get_logger()


class Part(Protocol):
    """Something of a feature that runs as long as the node: a writer, a sweeper, a worker."""

    async def start(self) -> None:
        """Begin; everything that it needs of the node is there."""

    async def stop(self) -> None:
        """Finish what is under way and end."""


def all_actions() -> Actions:
    """The socket actions of all features."""
    actions = Actions()
    for registry in ACTIONS:
        actions.include(registry)
    return actions


def all_jobs() -> Jobs:
    """The jobs and sweeps of all features."""
    jobs = Jobs()
    for registry in JOBS:
        jobs.include(registry)
    return jobs


class Node:
    """One node of the service: `await start()`, serve `application` with `gateway`, `await stop()`."""

    def __init__(self, config: Config, overrides: Overrides | None = None) -> None:
        """`overrides` are the settings that requests can't change; without, all that differ from their default."""
        if overrides is None:
            overrides = Overrides({key: value_of(config, key) for key in diff(Config(), config)})
        node_id = config.HubbubSettings.NodeId or new_id()
        self.services = Services(
            config=config,
            db=Pool(
                config.SqlSettings.DataSource,
                size=max(2, min(config.SqlSettings.MaxOpenConns, 20)),
                seals=Seals(config.SqlSettings.AtRestEncryptKey),
            ),
            bus=Bus(config.CacheSettings.RedisAddress, node_id),
            cache=Cache(max_age=TRUSTED_SECONDS),
            node_id=node_id,
        )
        self.services.extras[SessionReads] = SessionReads(self.services.db)
        self._topics: GroupedReads[str, list[str]] = GroupedReads(partial(topics_of, self.services.db))
        self.ready = False
        self._version = (config, version_id(config))
        bus = self.services.bus
        rates = Rates(bus.command, bus.names.prefix, lambda: self.services.config.RateLimitSettings.MemoryStoreSize)
        self.services.extras[Rates] = rates
        limits = RequestLimits(self.services, rates)
        self.gateway = Gateway(
            bus,
            all_actions(),
            authenticate=self._authenticate,
            is_admin=self._is_admin,
            at_hand=self._at_hand,
            topics_of=self._topics_of,
            make_context=lambda session, connection_id: request_context(self.services, session, connection_id),
            server_version=self.version,
            allowed_origins=lambda: self.services.config.ServiceSettings.AllowCorsFrom,
            accepts=self._accepts,
            limits=limits,
            address_of=self._address_of,
        )
        self.tree = RouteTree(ROUTERS)
        self.services.extras[welcome.Document] = welcome.Document(self.tree)
        store = ConfigStore(self.services, overrides)
        store.on_changed.append(self.gateway.settings_changed)
        self.services.extras[ConfigStore] = store
        blobs = Blobs(lambda: self.services.config.FileSettings)
        self.services.extras[Blobs] = blobs
        small_pictures = Previews(blobs, lambda: self.services.config.FileSettings.MaxImageDecoderConcurrency)
        self.services.extras[Previews] = small_pictures
        texts = Texts(blobs)
        self.services.extras[Texts] = texts
        self.services.extras[SearchTurns] = SearchTurns()
        self.services.extras[health.Readiness] = health.Readiness(lambda: self.ready)
        outbound = Outbound(lambda: self.services.config.ServiceSettings)
        self.services.extras[Outbound] = outbound
        self.services.extras[CallsUnderWay] = CallsUnderWay()
        self.services.extras[SlowTargets] = SlowTargets()
        self.services.extras[Fetcher] = Fetcher(outbound)
        doubts = Doubts(self.services.db, self.services.bus)
        self.services.extras[Doubts] = doubts
        writer = PostWriter(self.services)
        self.services.extras[PostWriter] = writer
        self.services.extras[ReadMarks] = ReadMarks(self.services)
        self.services.extras[Unpublished] = Unpublished()
        self.services.bus.find_missing_by(
            lambda line, after, until: find_missing(request_context(self.services), line, after, until)
        )
        presence = Presence(self.services)
        self.services.extras[Presence] = presence
        self.gateway.on_connected.append(presence.connected)
        self.gateway.on_disconnected.append(presence.disconnected)
        audit_log = AuditLog(lambda: request_context(self.services))
        self.services.extras[AuditLog] = audit_log
        activity = SessionActivity(lambda: request_context(self.services))
        runner = Runner(
            self.services.db,
            all_jobs(),
            lambda: request_context(self.services),
            runs=lambda: self.services.config.JobSettings.RunJobs,
            schedules=lambda: self.services.config.JobSettings.RunScheduler,
        )
        self.parts: list[Part] = [
            small_pictures,
            texts,
            doubts,
            store,
            outbound,
            activity,
            audit_log,
            presence,
            writer,
            runner,
            MetricsPort(self.services, node_registry(self.services, self.gateway)),
            NodeBeat(self.services),
        ]
        after_auth: list[Callable[[Context], None]] = [activity.note]
        self.application = Api(self.services, self.tree, self.version, limits, after_auth)

    def version(self) -> str:
        """The X-Version-Id of the settings in force."""
        config = self.services.config
        if self._version[0] is not config:
            self._version = (config, version_id(config))
        return self._version[1]

    async def _authenticate(self, token: str) -> Session | None:
        session = session_at_hand(self.services, token) or await session_by_token(self.services, token)
        return session if session is not None and self._accepts(session) else None

    def _at_hand(self, token: str) -> tuple[Session, bool] | None:
        """What `_authenticate` and `_is_admin` give, if nobody has to be asked."""
        session, permissions = session_at_hand(self.services, token), permissions_at_hand(self.services)
        if session is None or permissions is None or not self._accepts(session):
            return None
        return session, any_grants(permissions, session.roles.split(), Permission.MANAGE_SYSTEM)

    def _accepts(self, session: Session) -> bool:
        """A socket brings everything, so it opens when the second factor is there that the settings ask for."""
        config = self.services.config
        return not lacks_factor(config, session) and not is_switched_off(config, session)

    def _address_of(self, peer: str, header: Callable[[str], str]) -> str:
        return counted_address(client_ip(self.services.config, peer, header))

    async def _topics_of(self, user_id: str) -> list[str]:
        return await self._topics.get(user_id) or []

    async def _is_admin(self, session: Session) -> bool:
        permissions = permissions_at_hand(self.services) or await role_permissions(self.services)
        return any_grants(permissions, session.roles.split(), Permission.MANAGE_SYSTEM)

    async def start(self) -> None:
        """Migrate, connect and start the parts; raises when the database does not answer."""
        services = self.services
        await migrate(services.config.SqlSettings.DataSource)
        await services.db.open()
        try:
            await prepare_secrets(services.db)
        except ConfigError:
            await services.db.close()
            raise
        await seed_roles(services.db, now_ms())
        services.bus.on(Invalidate, self._invalidated)
        services.bus.on_lost.append(self._news_lost)
        await services.bus.start()
        self._news_lost()
        await self.gateway.start()
        for part in self.parts:
            await part.start()
        self.ready = True

    def _invalidated(self, invalid: Invalidate) -> None:
        if invalid.sender != self.services.bus.node_id:
            self.services.cache.drop(invalid.tags)

    def _news_lost(self) -> None:
        """Forget what is cached; while no invalidation can arrive, cached rows are believed for a few seconds only."""
        self.services.cache.clear()
        self.services.cache.max_age = TRUSTED_SECONDS if self.services.bus.connected else BLIND_SECONDS

    async def drain(self) -> None:
        """Be taken out of the load balancer and move the sockets elsewhere; requests go on being answered."""
        self.ready = False
        await self.gateway.drain(self.services.config.HubbubSettings.DrainSeconds)

    async def stop(self) -> None:
        """Stop the parts and close all connections."""
        self.ready = False
        for part in reversed(self.parts):
            await part.stop()
        await self.services.bus.stop()
        await self.services.db.close()
