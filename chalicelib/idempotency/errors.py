"""What can go wrong with an `Idempotency-Key`."""

from chalicelib.errors import ConflictError, InvalidInputError, Validation


class InvalidKeyError(InvalidInputError):
    """The header is not a key."""

    code = "invalid_idempotency_key"

    def __init__(self, longest: int) -> None:
        super().__init__(
            "The Idempotency-Key header is unusable.",
            validations=[
                Validation(
                    "Idempotency-Key", f"must be 1 to {longest} visible ASCII characters, as a UUID"
                )
            ],
        )


class KeyReusedError(ConflictError):
    """The key came with another body before."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "The Idempotency-Key was used for another request.",
            detail="Use a new key for a new request, and the old one only to repeat the same.",
        )


class KeyInUseError(ConflictError):
    """The first request with the key has not been answered yet."""

    code = "idempotency_key_in_use"
    retry_after = 2

    def __init__(self) -> None:
        super().__init__("The first request with this Idempotency-Key is still being served.")


class AnswerLostError(ConflictError):
    """What the first request created is there, but how it was answered is not."""

    code = "idempotency_answer_lost"

    def __init__(self, created: str) -> None:
        super().__init__(
            "The first request with this Idempotency-Key was served, but its answer was lost.",
            detail=f"It created the {created}. Look there; to create another, use a new key.",
        )


class ClaimRefusedError(ConflictError):
    """The key is claimed already, or this claim has been lost."""

    code = "idempotency_claim_refused"

    def __init__(self) -> None:
        super().__init__("Another request holds this Idempotency-Key.")
