"""Migrations reach a database by whatever address the workers reach it."""

from register.store.migrate import migrate_async
from tests.conftest import RunningStack
from tests.integration.support.database import cloned


async def test_an_address_with_parameters(stack: RunningStack, template_database: str) -> None:
    """`sslmode` and the like belong to the driver, which connects."""
    async with cloned(stack, template_database) as url:
        await migrate_async(f"{url}?sslmode=disable")
