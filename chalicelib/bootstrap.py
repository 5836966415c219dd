"""The composition root: the only place that constructs things, from the settings."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.session import Session

from chalicelib import logs
from chalicelib.audit import AuditRepository
from chalicelib.audit.service import AuditService
from chalicelib.chat_models.configs import ModelConfigService
from chalicelib.chat_models.registry import ModelRegistry
from chalicelib.chat_models.repository import ChatModelRepository
from chalicelib.chat_models.service import ProviderService
from chalicelib.chats.choices import Choices
from chalicelib.chats.content import InputContent
from chalicelib.chats.conversation import ConversationService
from chalicelib.chats.following import FollowingService
from chalicelib.chats.ports import NoBudget, NoFiles
from chalicelib.chats.repository import ChatRepository
from chalicelib.chats.service import ChatService
from chalicelib.chats.starting import ChatStarter
from chalicelib.config import PublicURL, Settings
from chalicelib.egress import Egress
from chalicelib.encryption import Cursors, Vault
from chalicelib.encryption.fields import AUDIT_CURSOR
from chalicelib.encryption.keys import KMSKeyring
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.groups.repository import GroupRepository
from chalicelib.groups.service import GroupService
from chalicelib.idempotency.repository import IdempotencyRepository
from chalicelib.idempotency.service import IdempotencyService
from chalicelib.identity.accounts import Accounts
from chalicelib.identity.logins import LoginService
from chalicelib.identity.models import Actor
from chalicelib.identity.repository import IdentityRepository
from chalicelib.identity.service import IdentityService
from chalicelib.identity.tokens import TokenService
from chalicelib.identity.users import UserService
from chalicelib.mcp_client.caller import ServerCaller
from chalicelib.mcp_client.catalog import ToolCatalog
from chalicelib.mcp_client.client import MCPClient
from chalicelib.mcp_client.credentials import Credentials, SignInTokens
from chalicelib.mcp_client.diagnosis import DiagnosisService
from chalicelib.mcp_client.service import PATIENCE_SECONDS, ToolService
from chalicelib.mcp_servers.access_lists import AccessListService
from chalicelib.mcp_servers.clients import ServerClients
from chalicelib.mcp_servers.drafts import ServerDrafts
from chalicelib.mcp_servers.icons import IconService
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.mcp_servers.selection import ServerSelection
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.oauth2.access import AccessTokens
from chalicelib.oauth2.own_urls import OwnURLs
from chalicelib.oauth2.provider import Provider
from chalicelib.oauth2.provisioning import OAuth2Provisioner
from chalicelib.oauth2.reauthorization import Reauthorizer
from chalicelib.oauth2.refreshing import TokenRefresher
from chalicelib.oauth2.registry import ConnectionRegistry
from chalicelib.oauth2.repository import ConnectionRepository, RefusalsRepository
from chalicelib.oauth2.service import ConnectionService
from chalicelib.oauth2.tokens import TokenSealer
from chalicelib.oauth2.user_headers import UserHeaderService
from chalicelib.oidc.provider import IdentityProvider
from chalicelib.oidc.repository import LoginTokensRepository
from chalicelib.oidc.service import SignInService
from chalicelib.oidc.tokens import LoginTokenKeeper
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, utc_now
from chalicelib.storage import Database, StorageUnavailableError
from chalicelib.tool_approvals.registry import ToolApprovalRegistry
from chalicelib.tool_approvals.repository import ToolApprovalRepository
from chalicelib.tool_approvals.service import ToolApprovalService
from chalicelib.turns.acting import Acting
from chalicelib.turns.answering import Answering
from chalicelib.turns.owners import Owners
from chalicelib.turns.ports import NoSpending, TurnWorker
from chalicelib.turns.providers import ModelClient
from chalicelib.turns.queue import TurnQueue
from chalicelib.turns.thinking import Thinking
from chalicelib.turns.toolbox import PATIENCE_SECONDS as TURN_PATIENCE
from chalicelib.turns.toolbox import Toolboxes
from chalicelib.turns.worker import ChatWorker
from chalicelib.workspaces.repository import WorkspaceRepository
from chalicelib.workspaces.service import WorkspaceService

_AWS_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)
# A request that has done its work waits no longer than this for a hint that the reaper can replace.
_QUEUE_CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the edge may call. All of it lives as long as the container."""

    public_url: PublicURL
    oauth2_urls: OwnURLs
    audit: AuditService[Actor]
    idempotency: IdempotencyService
    identity: IdentityService
    tokens: TokenService
    users: UserService
    sign_in: SignInService
    organizations: OrganizationService
    groups: GroupService
    workspaces: WorkspaceService
    mcp_servers: MCPServerService
    icons: IconService
    access_lists: AccessListService
    connections: ConnectionService
    user_headers: UserHeaderService
    tools: ToolService
    tool_approvals: ToolApprovalService
    diagnosis: DiagnosisService
    model_providers: ProviderService
    model_configs: ModelConfigService
    models: ModelRegistry
    chats: ChatService
    chat_starter: ChatStarter
    conversation: ConversationService
    following: FollowingService
    turn_queue: TurnQueue
    turns: TurnWorker
    find_unreachable: Callable[[], list[str]]
    """The names of what we depend on and cannot reach."""


def build_services(
    settings: Settings,
    *,
    database: Database | None = None,
    aws_client: Callable[[str], Any] | None = None,
    egress: Egress | None = None,
    sign_in_tokens: SignInTokens | None = None,
    clock: Clock = utc_now,
    pause: Callable[[float], object] = time.sleep,
    listing_patience: float = PATIENCE_SECONDS,
) -> Services:
    """Put the product together; every keyword replaces one part, in tests."""
    session = botocore.session.get_session()
    region = session.get_config_variable("region") or "us-east-1"
    database = database or Database(settings.table_name, region)
    aws_client = aws_client or cache(partial(_create_client, session, region))
    egress = egress or Egress(settings.allowed_private_cidrs)
    urls = OwnURLs(settings.public_url, settings.client_metadata_url)

    keyring = KMSKeyring(partial(aws_client, "kms"), settings.kms_key_alias, settings.stage)
    vault = Vault(DataKeyRepository(database), keyring, clock)
    audit_retention = timedelta(days=settings.audit_retention_days)
    audit = AuditRepository(database, clock, audit_retention)
    session_lifetime = timedelta(hours=settings.session_hours)
    identity_repository = IdentityRepository(database, audit)
    accounts = Accounts(identity_repository, clock)
    identity = IdentityService(accounts, session_lifetime)
    organization_repository = OrganizationRepository(database, audit, identity_repository)
    chat_repository = ChatRepository(database, audit, identity_repository, organization_repository)
    organizations = OrganizationService(organization_repository, identity, chat_repository, clock)
    group_repository = GroupRepository(database, audit, organization_repository)
    groups = GroupService(group_repository, organizations, clock)

    server_repository = MCPServerRepository(database, audit)
    connection_repository = ConnectionRepository(
        database, audit, server_repository, identity_repository
    )
    registry = ConnectionRegistry(connection_repository, clock)
    approval_repository = ToolApprovalRepository(database, audit, server_repository)
    approvals = ToolApprovalRegistry(approval_repository)
    drafts = ServerDrafts(vault, clock)
    provisioner = OAuth2Provisioner(egress, urls.client_metadata)
    servers = MCPServerService(
        repository=server_repository,
        drafts=drafts,
        clients=ServerClients(
            server_repository, drafts, provisioner, registry, urls.callback, clock
        ),
        connections=registry,
        organizations=organizations,
        approvals=approvals,
        check_url=egress.check_url,
        clock=clock,
    )
    tokens = TokenSealer(vault, clock)
    provider = Provider(egress, tokens)
    refresher = TokenRefresher(connection_repository, tokens, provider, clock, pause)
    reauthorizer = Reauthorizer(
        connection_repository, RefusalsRepository(database), servers, egress, urls, clock
    )
    connections = ConnectionService(
        repository=connection_repository,
        servers=servers,
        organizations=organizations,
        vault=vault,
        provider=provider,
        reauthorizer=reauthorizer,
        urls=urls,
        clock=clock,
    )
    access_tokens = AccessTokens(
        connection_repository, tokens, refresher, reauthorizer, urls, clock
    )
    model_repository = ChatModelRepository(database, audit)
    models = ModelRegistry(model_repository, vault)
    selection = ServerSelection(server_repository)
    workspace_repository = WorkspaceRepository(
        database, audit, identity_repository, organization_repository
    )
    workspaces = WorkspaceService(workspace_repository, organizations, selection, clock)
    choices = Choices(selection, models, InputContent(NoFiles()), NoBudget())
    turn_queue = TurnQueue(partial(aws_client, "sqs"), settings.turns_queue)
    chats = ChatService(chat_repository, selection, turn_queue, clock, pause)
    login_tokens = LoginTokensRepository(database, identity_repository)
    identity_provider = IdentityProvider(egress, settings.oidc, clock) if settings.oidc else None
    kept_tokens = LoginTokenKeeper(
        issuer=settings.oidc.issuer if settings.oidc else "",
        provider=identity_provider,
        repository=login_tokens,
        vault=vault,
        clock=clock,
        pause=pause,
    )
    sign_in = SignInService(
        settings=settings.oidc,
        provider=identity_provider,
        logins=LoginService(accounts, session_lifetime),
        organizations=organizations,
        tokens=kept_tokens,
        vault=vault,
        redirect_uri=settings.public_url.url("/api/v2/users/oidc/callback"),
        clock=clock,
    )
    credentials = Credentials(
        access_tokens,
        vault,
        sign_in_tokens or kept_tokens,
        settings.public_url.url("/login"),
    )
    client = MCPClient(egress, pause)
    caller = ServerCaller(access_tokens, credentials, reauthorizer, client, ToolCatalog(clock))
    tools = ToolService(servers, caller, approvals, listing_patience)
    turns = _build_turns(
        Answering(ModelClient(egress, session.get_credentials), chat_repository, clock),
        Toolboxes(selection, tools, clock, min(listing_patience, TURN_PATIENCE)),
        tools,
        models,
        Owners(identity, organizations),
        (workspace_repository, workspaces),
        (chat_repository, chats, turn_queue),
        clock,
    )
    return Services(
        public_url=settings.public_url,
        oauth2_urls=urls,
        audit=AuditService(
            audit,
            Cursors(vault, AUDIT_CURSOR),
            organizations.require_audit_reader,
            clock,
            audit_retention,
        ),
        idempotency=IdempotencyService(IdempotencyRepository(database), vault, clock),
        identity=identity,
        tokens=TokenService(accounts),
        users=UserService(accounts, (organizations, connections, chats, login_tokens)),
        sign_in=sign_in,
        organizations=organizations,
        groups=groups,
        workspaces=workspaces,
        mcp_servers=servers,
        access_lists=AccessListService(
            server_repository, servers, organizations, groups, identity, clock
        ),
        icons=IconService(server_repository, servers, clock),
        connections=connections,
        user_headers=UserHeaderService(connection_repository, servers, organizations, vault, clock),
        model_providers=ProviderService(model_repository, vault, egress.check_url, clock),
        model_configs=ModelConfigService(model_repository, clock),
        models=models,
        chats=chats,
        chat_starter=ChatStarter(
            chat_repository, organizations, workspaces, choices, turn_queue, clock
        ),
        conversation=ConversationService(chats, chat_repository, organizations, choices),
        following=FollowingService(chats, chat_repository, pause),
        tools=tools,
        tool_approvals=ToolApprovalService(approval_repository, servers, caller, clock),
        diagnosis=DiagnosisService(servers, caller, approvals, client, egress),
        turn_queue=turn_queue,
        turns=turns,
        find_unreachable=partial(_find_unreachable, database, vault),
    )


def _build_turns(
    answering: Answering,
    toolboxes: Toolboxes,
    tools: ToolService,
    models: ModelRegistry,
    owners: Owners,
    workspaces: tuple[WorkspaceRepository, WorkspaceService],
    chats: tuple[ChatRepository, ChatService, TurnQueue],
    clock: Clock,
) -> ChatWorker:
    repository, service, queue = chats
    spending = NoSpending()
    thinking = Thinking(
        repository, models, workspaces[0], toolboxes, answering, spending, lambda *_: None
    )
    return ChatWorker(
        repository=repository,
        owners=owners,
        thinking=thinking,
        acting=Acting(repository, toolboxes, tools, workspaces[1]),
        chats=service,
        queue=queue,
        clock=clock,
    )


def services_from_environment() -> Callable[[], Services]:
    """The services of this process, made once.

    In Lambda they are made at once, so that a wrong setting fails the cold start and names itself;
    elsewhere at the first request, since tools import the app only to read its routes.
    """

    @cache
    def services() -> Services:
        settings = Settings.from_environment(os.environ)
        logs.configure(settings.log_level)
        return build_services(settings)

    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        services()
    return services


def _create_client(session: Session, region: str, service: str) -> Any:
    config = _QUEUE_CONFIG if service == "sqs" else _AWS_CONFIG
    return session.create_client(service, region_name=region, config=config)


def _find_unreachable(database: Database, vault: Vault) -> list[str]:
    unreachable = []
    try:
        database.ping()
    except StorageUnavailableError:
        unreachable.append("DynamoDB")
    if not vault.is_reachable():
        unreachable.append("KMS")
    return unreachable
