"""Threads that compute take short turns while a batch is on its way that is not full."""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from workers import turns as module
from workers.turns import Turns


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


async def test_turns_are_short_until_the_messages_are_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PUBLISHED_S", 0.02)
    turns = Turns()
    with turns.short():
        with turns.short():
            pass
        await asyncio.sleep(0.05)
        assert sys.getswitchinterval() == pytest.approx(0.0005)
    assert sys.getswitchinterval() == pytest.approx(0.0005)
    await asyncio.sleep(0.05)
    assert sys.getswitchinterval() == pytest.approx(0.005)


async def test_the_next_batch_keeps_them_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PUBLISHED_S", 0.02)
    turns = Turns()
    with turns.short():
        pass
    with turns.short():
        await asyncio.sleep(0.05)
        assert sys.getswitchinterval() == pytest.approx(0.0005)
