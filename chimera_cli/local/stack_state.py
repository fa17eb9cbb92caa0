"""What a local stack remembers between two commands: ports, passwords and the seed."""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from chimera_cli.exceptions import ConfigError
from chimera_cli.local.private_file import write_private
from chimera_cli.local.process import free_port


@dataclass(frozen=True)
class StackState:
    """The fixed facts of one stack; made once, so that an `.env` written for it stays true."""

    redis_port: int
    redis_password: str
    postgres_port: int
    postgres_password: str
    model_port: int
    seed: int

    @property
    def approval_key(self) -> str:
        """The key that approvals are signed with; Redis knows neither it nor what it is made from."""
        return hashlib.sha256(f"approvals\n{self.postgres_password}".encode()).hexdigest()

    @classmethod
    def fresh(cls, seed: int) -> "StackState":
        """Draw ports that are free now, and passwords nobody can guess."""
        ports: set[int] = set()
        while len(ports) < 3:
            ports.add(free_port())
        redis, postgres, model = ports
        return cls(redis, secrets.token_urlsafe(24), postgres, secrets.token_urlsafe(24), model, seed)

    @classmethod
    def read(cls, file: Path) -> "StackState | None":
        """Read what an earlier command wrote; None when there is nothing.

        Raises:
            ConfigError: The file is there and cannot be used.
        """
        try:
            known = json.loads(file.read_text())
            return cls(**{field.name: field.type(known[field.name]) for field in fields(cls)})  # type: ignore[operator]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"the local stack's state in {file} cannot be read: {type(error).__name__}",
                hint=f"mend it, or start over with a new data folder: mv {file.parent} {file.parent}.old",
            ) from error

    def write(self, file: Path) -> None:
        """Write all at once, readable by us alone."""
        draft = file.with_suffix(".draft")
        write_private(draft, json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(file)
