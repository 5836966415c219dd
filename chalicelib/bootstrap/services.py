"""Chats and their turns; with what stands below, all that the edge may call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.bootstrap.foundation import SOCKETS
from chalicelib.bootstrap.parts import part
from chalicelib.bootstrap.registry import Registry

if TYPE_CHECKING:
    from chalicelib.chat_models.configs import ModelConfigService
    from chalicelib.chat_models.registry import ModelRegistry
    from chalicelib.chat_models.repository import ChatModelRepository
    from chalicelib.chat_models.service import ProviderService
    from chalicelib.chats.choices import Choices
    from chalicelib.chats.conversation import ConversationService
    from chalicelib.chats.following import FollowingService
    from chalicelib.chats.service import ChatService
    from chalicelib.chats.starting import ChatStarter
    from chalicelib.files.service import FileService
    from chalicelib.identity.ports import Belongings
    from chalicelib.identity.users import UserService
    from chalicelib.sockets.announcing import Announcer
    from chalicelib.sockets.repository import SocketRepository
    from chalicelib.sockets.service import SocketService
    from chalicelib.turns.ports import TurnWorker
    from chalicelib.turns.providers import ModelClient
    from chalicelib.turns.queue import TurnQueue
    from chalicelib.turns.spending import Spending
    from chalicelib.turns.titles import TitleService
    from chalicelib.turns.toolbox import Toolboxes
    from chalicelib.usage.limits import UsageLimitService
    from chalicelib.usage.repository import UsageRepository
    from chalicelib.usage.service import UsageService
    from chalicelib.workspaces.repository import WorkspaceRepository
    from chalicelib.workspaces.service import WorkspaceService


class Services(Registry):
    """Everything that the edge may call. All of it lives as long as the container."""

    @part
    def users(self) -> UserService:
        """People, and what becomes of what they leave behind."""
        from chalicelib.identity.users import UserService

        return UserService(self._accounts, self._belongings_of_users)

    def _belongings_of_users(self) -> Sequence[Belongings]:
        return (
            self.organizations,
            self.connections,
            self.chats,
            self.files,
            self.usage,
            self._login_tokens_repository,
        )

    @part
    def _model_repository(self) -> ChatModelRepository:
        from chalicelib.chat_models.repository import ChatModelRepository

        return ChatModelRepository(self._database, self._audit)

    @part
    def models(self) -> ModelRegistry:
        """The models that chats may use."""
        from chalicelib.chat_models.registry import ModelRegistry

        return ModelRegistry(self._model_repository, self._vault)

    @part
    def model_providers(self) -> ProviderService:
        """Where models are."""
        from chalicelib.chat_models.service import ProviderService

        return ProviderService(
            self._model_repository, self._vault, self._egress.check_url, self._clock
        )

    @part
    def model_configs(self) -> ModelConfigService:
        """Models, as admins manage them."""
        from chalicelib.chat_models.configs import ModelConfigService

        return ModelConfigService(self._model_repository, self._clock)

    @part
    def _workspace_repository(self) -> WorkspaceRepository:
        from chalicelib.workspaces.repository import WorkspaceRepository

        return WorkspaceRepository(
            self._database, self._audit, self._identity_repository, self._organization_repository
        )

    @part
    def workspaces(self) -> WorkspaceService:
        """Organisations' projects."""
        from chalicelib.workspaces.service import WorkspaceService

        return WorkspaceService(
            self._workspace_repository, self.organizations, self._selection, self._clock
        )

    @part
    def turn_queue(self) -> TurnQueue:
        """Wakes workers."""
        from chalicelib.turns.queue import TurnQueue

        return TurnQueue(partial(self._aws_client, "sqs"), self._settings.turns_queue)

    @part
    def files(self) -> FileService:
        """Images in chats."""
        from chalicelib.files.service import FileService

        return FileService(self._file_repository, self.organizations, self._vault, self._clock)

    @part
    def _usage_repository(self) -> UsageRepository:
        from chalicelib.usage.repository import UsageRepository

        return UsageRepository(self._database, self._audit)

    @part
    def usage(self) -> UsageService:
        """What models have cost, and whether it is enough."""
        from chalicelib.usage.service import UsageService

        return UsageService(self._usage_repository, self.organizations, self._clock)

    @part
    def usage_limits(self) -> UsageLimitService:
        """What may be spent."""
        from chalicelib.usage.limits import UsageLimitService

        return UsageLimitService(self._usage_repository, self.identity, self.groups)

    @part
    def _choices(self) -> Choices:
        from chalicelib.chats.choices import Choices
        from chalicelib.chats.content import InputContent

        return Choices(self._selection, self.models, InputContent(self.files), self.usage)

    @part
    def chats(self) -> ChatService:
        """Chats and what is in them."""
        from chalicelib.chats.service import ChatService

        return ChatService(
            self._chat_repository, self._selection, self.turn_queue, self._clock, self._pause
        )

    @part
    def chat_starter(self) -> ChatStarter:
        """Starts chats."""
        from chalicelib.chats.starting import ChatStarter

        return ChatStarter(
            self._chat_repository,
            self.organizations,
            self.workspaces,
            self._choices,
            self.turn_queue,
            self._clock,
        )

    @part
    def conversation(self) -> ConversationService:
        """What owners do in their chats."""
        from chalicelib.chats.conversation import ConversationService

        return ConversationService(
            self.chats, self._chat_repository, self.organizations, self._choices
        )

    @part
    def following(self) -> FollowingService:
        """Tells what happens in chats."""
        from chalicelib.chats.following import FollowingService

        return FollowingService(self.chats, self._chat_repository, self._pause)

    @part
    def _socket_repository(self) -> SocketRepository:
        from chalicelib.sockets.repository import SocketRepository

        return SocketRepository(self._database, self._chat_repository, self._identity_repository)

    @part
    def sockets(self) -> SocketService:
        """Lets chats be followed through sockets."""
        from chalicelib.sockets.service import SocketService

        url = self._settings.stream_url
        return SocketService(self._socket_repository, self.chats, url, self._clock)

    @part
    def _announcer(self) -> Announcer:
        from chalicelib.sockets.announcing import Announcer
        from chalicelib.sockets.pushing import Pusher

        pusher = Pusher(partial(self._aws_client, SOCKETS))
        return Announcer(self.following, self._socket_repository, pusher, self._clock)

    @part
    def _model_client(self) -> ModelClient:
        from chalicelib.turns.providers import ModelClient  # The API only names chats with it.

        return ModelClient(self._egress, self._session.get_credentials)

    @part
    def _spending(self) -> Spending:
        from chalicelib.turns.spending import Spending

        return Spending(self.usage, self._usage_repository, self._clock)

    @part
    def titles(self) -> TitleService:
        """Names chats."""
        from chalicelib.turns.titles import TitleService

        return TitleService(
            self.organizations,
            self.chats,
            self._chat_repository,
            self.models,
            self._model_client,
            self.usage,
            self._spending,
        )

    @part
    def _toolboxes(self) -> Toolboxes:
        from chalicelib.turns.toolbox import PATIENCE_SECONDS, Toolboxes

        patience = min(self._listing_patience, PATIENCE_SECONDS)
        return Toolboxes(self._selection, self.tools, self._clock, patience)

    @part
    def turns(self) -> TurnWorker:
        """Takes chats' turns forward; the API never does."""
        from chalicelib.turns.acting import Acting
        from chalicelib.turns.answering import Answering
        from chalicelib.turns.owners import Owners
        from chalicelib.turns.thinking import Thinking
        from chalicelib.turns.worker import ChatWorker, Timing

        repository, clock = self._chat_repository, self._clock
        thinking = Thinking(
            repository,
            self.models,
            self._workspace_repository,
            self._toolboxes,
            Answering(self._model_client, repository, clock),
            self._spending,
            self.files.read,
        )
        return ChatWorker(
            repository=repository,
            owners=Owners(self.identity, self.organizations),
            thinking=thinking,
            acting=Acting(repository, self._toolboxes, self.tools, self.workspaces),
            chats=self.chats,
            queue=self.turn_queue,
            announcer=self._announcer,
            timing=Timing(clock, self._pause, self._lease),
        )
