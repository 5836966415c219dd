"""What can go wrong with model providers and models."""

from collections.abc import Sequence

from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError, Validation


class InvalidProviderIDError(InvalidInputError):
    """The path does not hold a UUID."""

    code = "invalid_chat_provider_id"

    def __init__(self) -> None:
        super().__init__("Invalid chat provider ID.", detail="It must be a UUID.")


class ProviderNotFoundError(NotFoundError):
    """There is no such provider."""

    code = "chat_provider_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such chat provider.")


class InvalidProviderError(InvalidInputError):
    """The fields of a provider do not fit together, or lead where nothing may be sent."""

    code = "invalid_chat_provider"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("The chat provider is invalid.", validations=[Validation(field, detail)])


class ProviderChangedError(ConflictError):
    """Somebody else changed the provider between our read and our write."""

    code = "chat_provider_changed"

    def __init__(self) -> None:
        super().__init__(
            "The chat provider was changed by somebody else. Read it again and repeat."
        )


class ProviderInUseError(ConflictError):
    """A provider has models."""

    code = "chat_provider_in_use"

    def __init__(self, models: Sequence[str] = ()) -> None:
        names = ", ".join(models[:5]) + (" …" if len(models) > 5 else "")
        super().__init__(
            "The chat provider has models. Delete them first, or disable the provider.",
            detail=f"Models: {names}" if names else "",
        )


class TooManyProvidersError(ConflictError):
    """There are as many providers as there may be."""

    code = "too_many_chat_providers"

    def __init__(self, most: int) -> None:
        super().__init__(f"There can be at most {most} chat providers. Delete one first.")


class InvalidModelConfigIDError(InvalidInputError):
    """The path does not hold a UUID."""

    code = "invalid_chat_model_config_id"

    def __init__(self) -> None:
        super().__init__("Invalid chat model config ID.", detail="It must be a UUID.")


class ModelConfigNotFoundError(NotFoundError):
    """There is no such model config."""

    code = "chat_model_config_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such chat model config.")


class InvalidModelConfigError(InvalidInputError):
    """The fields of a model config do not fit together, or name what is not there."""

    code = "invalid_chat_model_config"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(
            "The chat model config is invalid.", validations=[Validation(field, detail)]
        )


class ModelConfigChangedError(ConflictError):
    """Somebody else changed the config, or which is the default, between read and write."""

    code = "chat_model_config_changed"

    def __init__(self) -> None:
        super().__init__(
            "The chat model config, or which is the default, was changed by somebody else. "
            "Read it again and repeat."
        )


class TooManyModelConfigsError(ConflictError):
    """There are as many model configs as there may be."""

    code = "too_many_chat_model_configs"

    def __init__(self, most: int) -> None:
        super().__init__(f"There can be at most {most} chat model configs. Delete one first.")


class InvalidModelError(InvalidInputError):
    """A chat asks for a model that is not there, or disabled."""

    code = "invalid_model_config_id"

    def __init__(self) -> None:
        super().__init__(
            "The model is unknown or disabled. Choose one of GET /api/experimental/chats/models.",
            validations=[Validation("model_config_id", "is not an enabled model.")],
        )


class NoModelError(ConflictError):
    """No model was asked for, and no default model is there and enabled."""

    code = "no_model"

    def __init__(self) -> None:
        super().__init__(
            "There is no default model that is enabled. Name another one as model_config_id, or "
            "have an admin set one up."
        )
