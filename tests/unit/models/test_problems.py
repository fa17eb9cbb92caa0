import pytest
from pydantic import ValidationError, model_validator

from chimera_cli.models.noun import Noun
from chimera_cli.models.problems import problems_of


class Leg(Noun):
    length: int


class Table(Noun):
    legs: tuple[Leg, ...] = ()

    @model_validator(mode="after")
    def _stands(self) -> "Table":
        if not self.legs:
            raise ValueError("it has no legs")
        return self


@pytest.mark.parametrize(
    ("value", "above", "problems"),
    [
        ({"legs": [{}]}, (), ["legs.0.length: Field required"]),
        ({"legs": [{}]}, ("table",), ["table.legs.0.length: Field required"]),
        ({"legs": [{"length": 1, "wood": "oak"}]}, ("table",), ["unknown field 'table.legs.0.wood'"]),
        ({}, (), ["it has no legs"]),
        ({}, ("table",), ["table: it has no legs"]),
        ({"legs": [{}, {}]}, (), ["legs.0.length: Field required", "legs.1.length: Field required"]),
    ],
)
def test_every_problem_is_told_with_its_place(value: dict, above: tuple[str, ...], problems: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Table.model_validate(value)
    assert problems_of(caught.value, *above) == problems
