"""What searches found travels with longspan, says how it was found and fits its model alone."""

import json

import pytest

from longspan.evals.search.recipe import SHIPPED, Recipe, shipped
from longspan.models.method import Method

FILES = sorted(SHIPPED.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_recipe_is_a_method_that_gained_by_its_command(path):
    recipe = Recipe(**json.loads(path.read_text(encoding="utf-8")))
    assert Method.parse(recipe.method).extends
    assert recipe.after < recipe.before
    assert "--search" in recipe.command
    assert len(recipe.digest) == 64


def test_a_recipe_serves_its_weights_and_lengths_up_to_its_own():
    recipe = Recipe(**json.loads(FILES[0].read_text(encoding="utf-8")))
    assert shipped(recipe.digest, recipe.length) == shipped(recipe.digest, 1) == {recipe.search: recipe.method}
    assert shipped(recipe.digest, recipe.length + 1) == shipped("0" * 64, 1) == {}
