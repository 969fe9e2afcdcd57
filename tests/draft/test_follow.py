import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.draft.follow import Follower, shared


class Echo:
    """A session whose logits are the token read."""

    def __init__(self, stiff=False):
        self.read, self.stiff = [], stiff

    def decode(self, tokens_BT):
        self.read += tokens_BT[0].tolist()
        return tokens_BT[..., None].float()

    def rewind(self, tokens):
        if tokens and self.stiff:
            raise NotRewindable("gone")
        self.read = self.read[: len(self.read) - tokens]


@given(st.lists(st.tuples(st.lists(st.integers(0, 2), max_size=5), st.integers(0, 4), st.integers(1, 3)), max_size=8))
def test_the_session_has_read_what_the_text_is(changes):
    echo, start = Echo(), [7, 8, 9]
    follower, text = Follower(echo, start), [*start, 1]
    assert follower.read(text).tolist() == [[1]]
    for new, taken, last in changes:
        text = [*text[: max(4, len(text) - taken)], *new, 0]
        last = min(last, len(text) - 3)
        assert follower.read(text, last=last)[:, 0].tolist() == text[-last:]
        assert [*start, *echo.read] == text


def test_what_cannot_be_taken_back_is_refused():
    follower = Follower(Echo(stiff=True), [7])
    follower.read([7, 1, 2])
    follower.read([7, 1, 2, 3])
    with pytest.raises(InputError, match=r"draft's own kv= method cannot: gone.*every=0"):
        follower.read([7, 1, 5])


def test_shared_is_the_common_beginning():
    assert shared([1, 2, 3], [1, 2, 4, 5], 0) == 2
    assert shared([1, 2], [1, 2, 4], 1) == 2
    assert shared([], [1], 0) == 0
