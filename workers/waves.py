"""What the relay may publish at once, though it may have to publish it again."""

from collections.abc import Sequence

from register.store.outbox import Key, Waiting


def key_of(one: Waiting) -> Key:
    """The topic and key within which a message has its place."""
    return (one.message.topic, one.message.key)


def repeatable(taken: Sequence[Waiting]) -> Sequence[Waiting]:
    """The first of the messages, up to where a tombstone and another message of its key would be
    in one wave.

    A wave that was acknowledged and not forgotten is published again, by whoever leads next. A
    reader has forgotten the key with the tombstone, and would take what stood before it for new.
    """
    gone: dict[Key, bool] = {}
    for number, one in enumerate(taken):
        key, is_tombstone = key_of(one), one.message.value is None
        if key in gone and (is_tombstone or gone[key]):
            return taken[:number]
        gone[key] = is_tombstone
    return taken
