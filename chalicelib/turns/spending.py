"""What turns spend: counted in the transaction that stores an answer, so never twice."""

from chalicelib.chats.models import Chat
from chalicelib.chats.repository import Extend
from chalicelib.metrics import Metric, count, note
from chalicelib.primitives import Clock
from chalicelib.sdk.chats import MessageUsage
from chalicelib.storage import Transaction
from chalicelib.usage.repository import UsageRepository
from chalicelib.usage.service import UsageService


class Spending:
    """Counts what models cost, and says when it is enough; lives as long as the container."""

    def __init__(self, usage: UsageService, repository: UsageRepository, clock: Clock) -> None:
        self._usage = usage
        self._repository = repository
        self._clock = clock

    def is_exhausted(self, owner_id: str) -> bool:
        """Whether a user has spent what they may this month."""
        return self._usage.is_exhausted(owner_id)

    def counting(self, chat: Chat, model_config_id: str, usage: MessageUsage) -> Extend:
        """The writes that count a model's answer, for the transaction that stores it."""
        cost = usage.cost_micros / 1_000_000
        count(Metric.INPUT_TOKENS, usage.input_tokens)
        count(Metric.OUTPUT_TOKENS, usage.output_tokens)
        count(Metric.COST, cost)
        note(
            model_config_id=model_config_id,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost=cost,
        )
        now = self._clock()

        def add(transaction: Transaction) -> None:
            self._repository.count(
                transaction,
                owner_id=chat.owner_id,
                chat_id=chat.id,
                organization_id=chat.organization_id,
                model_config_id=model_config_id,
                usage=usage,
                at=now,
            )

        return add
