"""What Redis refuses although it answers."""

from chimera_cli.exceptions import EXIT_CONFIG, BackendUnavailable, ConfigError


class WritesRefused(BackendUnavailable):
    """Redis answers, and takes no writes: it is full, cannot save, is a replica or lacks replicas. Nothing was changed."""

    code = "writes_refused"

    def __init__(self, reason: str, *, hint: str) -> None:
        super().__init__("Redis", reason, hint=hint, state="refuses writes")


class AccessRefused(WritesRefused, ConfigError):
    """Redis does not let us in, or forbids a command. A command ends by it; a role that was let in before waits for the cure."""

    code = "config"
    exit_code, retryable = EXIT_CONFIG, False

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.message, self.args = message, (message,)
