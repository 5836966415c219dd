"""Starting a chat: where it belongs, what it may use, and its first message."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.chats.auditing import describe_chat
from chalicelib.chats.choices import Choices
from chalicelib.chats.models import (
    SYSTEM_PROMPT_ID,
    Chat,
    Visibility,
    build_title,
    find_text,
)
from chalicelib.chats.ports import TurnQueue
from chalicelib.chats.repository import ChatRepository
from chalicelib.chats.transition import Transition
from chalicelib.identity.models import Actor
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, new_id
from chalicelib.sdk.chats import ChatStatus, MessageRole, Text
from chalicelib.workspaces.service import WorkspaceService

if TYPE_CHECKING:
    from chalicelib.sdk.requests.chats import CreateChatRequest


class ChatStarter:
    """Starts chats; lives as long as the container."""

    def __init__(
        self,
        repository: ChatRepository,
        organizations: OrganizationService,
        workspaces: WorkspaceService,
        choices: Choices,
        queue: TurnQueue,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._organizations = organizations
        self._workspaces = workspaces
        self._choices = choices
        self._queue = queue
        self._clock = clock

    def start(self, actor: Actor, request: "CreateChatRequest") -> Chat:
        """A new chat of the actor's in one of their organisations; its first turn begins.

        Raises:
            NotAMemberError: the actor is not in the organisation.
            InvalidContentError: a file is not the actor's in this organisation.
            InvalidWorkspaceError: the workspace is not one of the organisation's.
            InvalidModelError, NoModelError: the model may not be used, or there is none.
            InvalidSelectionError: a server asked for is unknown, disabled, or not for the actor in
                this organisation.
            UsageLimitError: the actor has spent what they may.
        """
        membership = self._organizations.require_member(actor, request.organization_id)
        organization_id = membership.organization_id
        parts = self._choices.content.resolve(actor, organization_id, request.content)
        preset = self._find_preset(actor, organization_id, request.workspace_id)
        model = self._choices.models.choose(request.model_config_id)
        server_ids = self._choices.servers.for_new_chat(
            actor, membership, request.mcp_server_ids, preset
        )
        self._choices.budget.require(actor)
        now = self._clock()
        new = Chat(
            id=new_id(),
            owner_id=actor.user_id,
            organization_id=organization_id,
            workspace_id=request.workspace_id,
            title=build_title(find_text(parts)),
            status=ChatStatus.WAITING,
            mcp_server_ids=tuple(server_ids),
            labels=request.labels or {},
            last_message_id=SYSTEM_PROMPT_ID - 1 if request.system_prompt else SYSTEM_PROMPT_ID,
            created_at=now,
            updated_at=now,
        )
        making = Transition(new, now)
        if request.system_prompt:
            prompt = [Text(text=request.system_prompt)]
            making.say(MessageRole.SYSTEM, prompt, visibility=Visibility.MODEL)
        making.begin_with(actor.user_id, parts, model.id)
        event = actor.did(
            Action.CREATE,
            ObjectType.CHAT,
            new.id,
            diff({}, describe_chat(making.chat)),
            organization_id=organization_id,
        )
        write = making.to_write(event=event, requires_member=True)
        chat = self._repository.write(replace(write, before=None))
        self._queue.send(chat.id)
        return chat

    def _find_preset(
        self, actor: Actor, organization_id: str, workspace_id: str | None
    ) -> Sequence[str]:
        """The servers that the chats of a workspace begin with."""
        if workspace_id is None:
            return ()
        workspace = self._workspaces.require_in(actor, organization_id, workspace_id)
        return workspace.default_mcp_server_ids
