"""Which messages may be published again together."""

import pytest

from register.records import OutboxMessage
from register.store.outbox import Waiting
from workers.waves import repeatable


def waiting(*words: str) -> list[Waiting]:
    """Messages of the outbox, each as key and version; `-` instead of a version is a tombstone."""
    return [
        Waiting(
            seq,
            OutboxMessage(
                topic="t",
                key=word[0].encode(),
                value=None if word[1] == "-" else word[1].encode(),
                headers=[],
                caused_received=None,
                caused_by_no=False,
            ),
        )
        for seq, word in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("words", "together"),
    [
        ((), 0),
        (("a1", "a2", "b1", "a3"), 4),
        (("a-", "b-"), 2),
        (("a1", "b1", "a-", "b2"), 2),
        (("a-", "b1", "a2"), 2),
        (("a1", "a2", "a-"), 2),
    ],
)
def test_a_tombstone_goes_apart_from_what_else_is_said_of_its_key(
    words: tuple[str, ...], together: int
) -> None:
    messages = waiting(*words)
    assert list(repeatable(messages)) == messages[:together]
