"""What can go wrong with the audit log."""

from chalicelib.errors import ConflictError, InvalidInputError, Validation


class EventExistsError(ConflictError):
    """An event with the fresh id exists already: nothing is ever written over."""

    code = "audit_event_exists"

    def __init__(self) -> None:
        super().__init__("The action could not be recorded and was not done. Try again.")


class InvalidAuditQueryError(InvalidInputError):
    """The query asks for no possible page of events."""

    code = "invalid_audit_query"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid query.", validations=[Validation(field, detail)])
