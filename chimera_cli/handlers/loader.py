"""Finds handlers: the built-in kinds, and those of a user's modules or files."""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from chimera_cli.exceptions import ConfigError
from chimera_cli.handlers.content import draft
from chimera_cli.handlers.publishing import publish
from chimera_cli.handlers.registry import Handler, HandlerRegistry
from chimera_cli.handlers.trends import LocalTrends, trend_handler

HINT = 'mark a function of the module: @handler("my.kind") async def my_kind(ctx): return TaskOutcome(output=...)'


def load_handlers(names: Sequence[str]) -> HandlerRegistry:
    """Return the built-in kinds and those of the named modules; a later one replaces an earlier one of the same kind.

    Args:
        names: Dotted modules, looked for in the present folder too, or paths of Python files.

    Raises:
        ConfigError: A module cannot be imported, or holds no handler; names file, line and cause.
    """
    registry = HandlerRegistry(builtin_handlers())
    for name in names:
        for item in _handlers_of(name, _load(name)):
            registry.register(item)
    return registry


def builtin_handlers() -> tuple[Handler, ...]:
    """Return the kinds that every worker knows."""
    return trend_handler(LocalTrends()), draft, publish


def _handlers_of(name: str, module: ModuleType) -> list[Handler]:
    found = list(dict.fromkeys(item for item in vars(module).values() if isinstance(item, Handler)))
    if not found:
        raise ConfigError(f"{name} holds no handler", hint=HINT)
    return found


def _load(name: str) -> ModuleType:
    is_file = name.endswith(".py") or "/" in name or "\\" in name
    try:
        return _from_file(Path(name)) if is_file else _from_module(name)
    except ConfigError:
        raise
    except (Exception, SystemExit) as exc:  # A module may raise anything; the user wants the line, not our traceback.
        raise ConfigError(f"{_place(name, exc)}: {_sentence(exc)}", hint="mend the module") from exc


def _from_file(path: Path) -> ModuleType:
    path = path.expanduser().resolve()
    if not path.is_file():
        raise ConfigError(
            f"there is no file {path.name!r} in {path.parent}", hint="--handlers takes a module or a file"
        )
    _reachable(path.parent)
    # Named after its whole path, so that two files called tasks.py do not replace each other.
    name = f"chimera_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path.name} is no Python file", hint="--handlers takes a module or a .py file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pydantic look their module up by name while it is being imported.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _from_module(name: str) -> ModuleType:
    _reachable(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not (name == exc.name or name.startswith(f"{exc.name}.")):
            raise
        hint = "--handlers takes a dotted module or the path of a .py file"
        raise ConfigError(f"there is no module {name!r}", hint=hint) from exc


def _reachable(folder: Path) -> None:
    # The script's own folder stands on the path, not the user's; theirs goes last, so that it hides no installed package.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _place(name: str, exc: BaseException) -> str:
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{exc.filename}:{exc.lineno}"
    outside = [frame for frame in traceback.extract_tb(exc.__traceback__) if _is_users(frame.filename)]
    return f"{outside[-1].filename}:{outside[-1].lineno}" if outside else name


def _is_users(filename: str) -> bool:
    inside = (str(Path(__file__).parent), "<frozen importlib", str(Path(importlib.__file__).parent))
    return not filename.startswith(inside) and "site-packages" not in filename


def _sentence(exc: BaseException) -> str:
    said = exc.msg if isinstance(exc, SyntaxError) else " ".join(str(exc).split())
    return f"{type(exc).__name__}: {said}"[:400] if said else type(exc).__name__
