"""The fixtures that hand a test a deployment; each folder's conftest.py imports them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import RunningStack
from tests.integration.support.deployment import Deployment, deployed


@pytest.fixture
async def deployment(
    stack: RunningStack, template_database: str, tmp_path: Path
) -> AsyncIterator[Deployment]:
    """Topics, a database and a consumer group that no other test uses; no worker runs yet."""
    async with deployed(stack, template_database, tmp_path) as own:
        yield own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    stack: RunningStack, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    """A deployment with a worker at work, for a module whose tests do not disturb each other:
    each speaks of persons of its own. Such tests run in the module's event loop."""
    async with deployed(stack, template_database, tmp_path_factory.mktemp("running")) as shared:
        await shared.start_worker()
        yield shared
