from pathlib import Path

import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.local.stack_state import StackState


def test_the_state_survives_writing_and_reading(tmp_path: Path) -> None:
    state = StackState.fresh(seed=3)
    state.write(tmp_path / "stack.json")
    assert StackState.read(tmp_path / "stack.json") == state
    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600


def test_every_stack_gets_its_own_ports_and_passwords() -> None:
    one, other = StackState.fresh(seed=1), StackState.fresh(seed=1)
    assert len({one.redis_port, one.postgres_port, one.model_port}) == 3
    assert len({one.redis_password, one.postgres_password, other.redis_password, other.postgres_password}) == 4


def test_no_state_is_none(tmp_path: Path) -> None:
    assert StackState.read(tmp_path / "stack.json") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"redis_port": "x"}', "\x00"])
def test_a_damaged_state_is_a_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)
    with pytest.raises(ConfigError, match=r"stack\.json cannot be read") as caught:
        StackState.read(tmp_path / "stack.json")
    assert "start over" in caught.value.hint
