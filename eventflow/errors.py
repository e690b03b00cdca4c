"""Every exception of eventflow, in one tree.

    EventflowError
    ├── SettingsError            a setting is wrong or missing; says which and where it came from
    ├── ComponentError           a component is unknown, or its extra is not installed
    ├── Refused                  a request is turned away at the door; carries the HTTP status
    │   └── Overloaded           … for now: shed, come back after `retry_after`
    ├── StorageError             the disk or the database does not do what it must
    │   ├── StorageFull          no room; nothing was written; goes on by itself when there is room
    │   ├── StorageBusy          locked by somebody for longer than we wait; nothing was written
    │   ├── StorageUnclear       nobody knows whether it was written; trying again is safe, a repeat is recognised
    │   ├── StorageLost          a sync failed: what was written is unknown, the process must stop
    │   ├── StorageHeld          another process has this data directory; says which
    │   └── StorageDamaged       what is there is not what was written, or is from a newer version
    ├── Fenced                   somebody else has moved on; drop what you hold and reload
    ├── Unread                   the inbox holds something newer than what was decided on
    ├── PartitionHalted          a partition cannot go on without a person; says why
    ├── ActionError              an action failed; `retryable` and `code` are data, not text
    ├── NotFound                 no such run, event, workflow
    ├── Conflict                 the request contradicts what is there
    └── ExpressionError, EvaluationError   (defined in `match`, where expressions live)

Raised without text, an exception says its docstring; so each has a sentence worth reading.
"""

from __future__ import annotations


class EventflowError(Exception):
    """Something in eventflow went wrong."""

    def __str__(self) -> str:
        """The given text, or else the docstring's first line."""
        text = super().__str__()
        return text or (self.__doc__ or type(self).__name__).strip().splitlines()[0]


class SettingsError(EventflowError):
    """A setting is wrong."""


class ComponentError(EventflowError):
    """A component is unknown or its extra is not installed."""


class Refused(EventflowError):
    """The request is refused.

    `status` is the HTTP status, `code` a stable word for it (`signature`, `too-large`, `reserved-name`, …),
    the text a sentence for the sender that holds no secret and no internal name.
    """

    def __init__(self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        """Say the status, the stable code and one sentence for the sender."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


class Overloaded(Refused):
    """There is more to do than can be done in time; come back later."""

    def __init__(self, detail: str, *, retry_after: int = 1, code: str = "overloaded") -> None:
        """Shed with 503 and `Retry-After` in whole seconds."""
        super().__init__(503, code, detail, headers={"Retry-After": str(retry_after)})
        self.retry_after = retry_after


class StorageError(EventflowError):
    """The disk or database does not do what it must."""


class StorageFull(StorageError):
    """There is no room on the disk; nothing was written."""


class StorageBusy(StorageError):
    """The database is locked by another process; nothing was written."""


class StorageUnclear(StorageError):
    """Whether it was written is unknown; it may be sent again, a repeat is recognised."""


class StorageLost(StorageError):
    """A sync to disk failed: what was written is unknown, so the process must stop and recover."""


class StorageHeld(StorageError):
    """Another process holds this data directory."""


class StorageDamaged(StorageError):
    """The database is damaged or was written by a newer version."""


class Fenced(EventflowError):
    """Another owner has moved on; what is held here is stale."""


class Outdated(Fenced):
    """What is held here was decided without wait selectors that are in force by now (W11)."""


class Unread(EventflowError):
    """The run's inbox holds something newer than what was decided on."""


class PartitionHalted(EventflowError):
    """The partition cannot go on without a person."""

    def __init__(self, message: str = "", *, partition: int | None = None) -> None:
        """Say why, and which partition it is."""
        super().__init__(message)
        self.partition = partition


class ActionError(EventflowError):
    """An action failed.

    `code` is a stable word or number that `retry_on` can name (`timeout`, `connection`, `"503"`, `refused`, …);
    `retryable` says whether another try can help at all.
    """

    def __init__(self, message: str, *, code: str = "error", retryable: bool = False) -> None:
        """Say what happened, without secrets."""
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class NotFound(EventflowError):
    """There is no such thing."""


class Conflict(EventflowError):
    """The request contradicts what is there."""
