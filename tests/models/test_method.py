"""What a method says of itself."""

from __future__ import annotations

import pytest

from longspan.models.method import Method


@pytest.mark.parametrize("text", ["rope=yarn:factor=2", "positions=rerope", "rope=pi kv=infllm"])
def test_changed_distances_lift_the_window(text):
    assert Method.parse(text).extends


@pytest.mark.parametrize("text", ["", "kv=snapkv", "kv=infllm", "kv=kvquant", "kv=freqkv", "pattern=a_shape"])
def test_what_is_stored_or_skipped_leaves_the_window_as_trained(text):
    assert not Method.parse(text).extends
