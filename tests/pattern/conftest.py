"""Patterns are tried on short texts, where a user's read everything."""

import pytest


@pytest.fixture(autouse=True)
def short_texts_are_chosen_from_too(monkeypatch):
    monkeypatch.setattr("longspan.core.attend.SHORT", 0)
