"""The fixture that hands a test a deployment; each folder's conftest.py imports it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import RunningStack
from tests.integration.support.deployment import Deployment, deployed


@pytest.fixture
async def deployment(
    stack: RunningStack, template_database: str, tmp_path: Path
) -> AsyncIterator[Deployment]:
    """Topics, a database and a consumer group that no other test uses; no worker runs yet."""
    async with deployed(stack, template_database, tmp_path) as own:
        yield own
