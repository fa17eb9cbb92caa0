"""Examples for schemas."""

from random import Random
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from chimera_cli.simulation.stand_in_shapes import example


class Leaf(BaseModel):
    """A part."""

    size: float = Field(gt=0, lt=3)


class Tree(BaseModel):
    """A whole."""

    name: str = Field(min_length=12, max_length=14)
    leaves: list[Leaf] = Field(min_length=2)
    mood: Literal["good", "bad"]
    kind: Literal["tree"]
    maybe: int | None
    level: int = Field(ge=2, le=4)
    ready: bool
    extra: str = "not needed"


@pytest.mark.parametrize("seed", range(5))
def test_an_example_fits_its_schema(seed):
    made = example(Tree.model_json_schema(), Random(seed))
    assert "extra" not in made
    Tree.model_validate(made)


class Loop(BaseModel):
    """A value that holds itself."""

    inner: "Loop"


def test_a_schema_that_holds_itself_comes_to_an_end():
    assert isinstance(example(Loop.model_json_schema(), Random(0)), dict)
