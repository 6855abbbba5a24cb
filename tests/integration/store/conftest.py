"""A register in a database of its own, driven by batches of events."""

from collections.abc import AsyncIterator

import pytest

from register.store.pool import connect
from tests.conftest import Database
from tests.integration.store.driver import StoreDriver


@pytest.fixture
async def register(database: Database) -> AsyncIterator[StoreDriver]:
    """An empty register."""
    connection = await connect(database.url, "test", by_key=True)
    yield StoreDriver(connection)
    await connection.close()
