"""Purpose × channel as bits: a scope, a ban or a consent is one integer of 45 bits.

Bit `5 * purpose + channel`, in the order of the enums. `disclosure` has only `post` (R34).
"""

from collections.abc import Iterable, Iterator

from schemas.terms import Channel, PointKind, Purpose

PURPOSES = tuple(Purpose)
CHANNELS = tuple(Channel)
_WIDTH = len(CHANNELS)
_PURPOSE_INDEX = {purpose: index for index, purpose in enumerate(PURPOSES)}
_CHANNEL_INDEX = {channel: index for index, channel in enumerate(CHANNELS)}


def bit(purpose: Purpose, channel: Channel) -> int:
    """The cell's bit."""
    return 1 << (_WIDTH * _PURPOSE_INDEX[purpose] + _CHANNEL_INDEX[channel])


def exists(purpose: Purpose, channel: Channel) -> bool:
    """Whether the pair is a cell at all (R34)."""
    return purpose is not Purpose.DISCLOSURE or channel is Channel.POST


CELLS: tuple[tuple[Purpose, Channel, int], ...] = tuple(
    (purpose, channel, bit(purpose, channel))
    for purpose in PURPOSES
    for channel in CHANNELS
    if exists(purpose, channel)
)
"""Every cell, with its bit."""

ALL_CELLS = sum(cell for _, _, cell in CELLS)
PURPOSE_CELLS = {
    purpose: sum(cell for named, _, cell in CELLS if named is purpose) for purpose in PURPOSES
}
CHANNEL_CELLS = {
    channel: sum(cell for _, named, cell in CELLS if named is channel) for channel in CHANNELS
}
ALL_MARKETING = ALL_CELLS & ~PURPOSE_CELLS[Purpose.SERVICE_NOTICE]
"""What "all purposes" means in a scope: all but `service_notice`."""

CAMPAIGN_CELLS = ALL_MARKETING & ~PURPOSE_CELLS[Purpose.DISCLOSURE]
"""Cells that a campaign tool acts on; a disclosure goes to a partner, not to it (R44)."""

POINT_CELLS = {
    PointKind.EMAIL: CHANNEL_CELLS[Channel.EMAIL],
    PointKind.PHONE: CHANNEL_CELLS[Channel.PHONE]
    | CHANNEL_CELLS[Channel.SMS]
    | CHANNEL_CELLS[Channel.AUTOMATED_CALL],
    PointKind.POST: CHANNEL_CELLS[Channel.POST],
    PointKind.COMPANY: ALL_CELLS,
    PointKind.IDENTITY: ALL_CELLS,
}
"""The channels that a contact point carries (R8); a company or an identity binds all (R9)."""


def mask(purposes: Iterable[Purpose] | None, channels: Iterable[Channel] | None) -> int:
    """Cells of a scope; a list that is left out means all."""
    rows = ALL_MARKETING
    if purposes is not None:
        rows = 0
        for purpose in purposes:
            rows |= PURPOSE_CELLS[purpose]
    if channels is None:
        return rows
    columns = 0
    for channel in channels:
        columns |= CHANNEL_CELLS[channel]
    return rows & columns


def cells_in(bits: int) -> Iterator[tuple[Purpose, Channel]]:
    """The cells of a mask, in the enums' order."""
    return ((purpose, channel) for purpose, channel, cell in CELLS if bits & cell)
