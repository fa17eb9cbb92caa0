"""A ready plan on disk, gone through twice: once to check it, once to submit it."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from chimera_cli.exceptions import InvalidInput
from chimera_cli.models.persona import Persona
from chimera_cli.models.plan import Kinds
from chimera_cli.models.task import TaskSpec
from chimera_cli.services.plan_file import Placed, PlanDocument, check_tasks, tasks_in_lines


class FileSource:
    """`plan.json`, or `tasks.jsonl` with a task a line."""

    def __init__(self, path: Path, change: Callable[[TaskSpec], TaskSpec] = lambda spec: spec) -> None:
        """Open a file; `change` is applied to each task.

        Raises:
            InvalidInput: It cannot be read.
            InvalidPlan: Its frame breaks the rules.
        """
        self._path = path
        self._change = change
        if path.exists() and not path.is_file() and not path.is_dir():
            # A pipe is empty when it is read for the second time, or blocks for ever.
            raise InvalidInput(f"{path} is no regular file", hint="write the plan to a file first")
        self._document = None if path.suffix in {".jsonl", ".ndjson"} else PlanDocument(self._text(), str(path))

    @property
    def goal(self) -> str:
        """The goal that the file names; empty when it names none."""
        return self._document.goal if self._document else ""

    @property
    def persona(self) -> Persona | None:
        """The persona that the file names."""
        return self._document.persona if self._document else None

    def check(self, kinds: Kinds, now: datetime, known: Iterable[str] = ()) -> int:
        """Check the whole plan and return how many tasks it has. Raises InvalidPlan or InvalidInput."""
        return check_tasks(self._placed(), kinds, now, known)

    def tasks(self) -> Iterator[TaskSpec]:
        """Go through the tasks."""
        return (spec for _, spec in self._placed())

    def _placed(self) -> Iterator[Placed]:
        found = self._document.tasks() if self._document else tasks_in_lines(self._lines(), str(self._path))
        return ((place, self._change(spec)) for place, spec in found)

    def _text(self) -> str:
        return "".join(self._lines())

    def _lines(self) -> Iterator[str]:
        try:
            with self._path.open(encoding="utf-8-sig") as stream:
                yield from stream
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{self._path} is not UTF-8 text: {error.reason}") from None
        except OSError as error:
            raise InvalidInput(f"{self._path} cannot be read: {error.strerror or error}") from None
