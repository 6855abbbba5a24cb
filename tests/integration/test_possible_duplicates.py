"""The gauge of customers who share a contact point (R50)."""

import pytest

from tests.integration.support.deployment import Deployment
from tests.integration.support.events import order, structured
from tests.integration.support.polling import until
from topics import ORDERS

pytestmark = pytest.mark.integration


async def test_possible_duplicates_are_counted(deployment: Deployment) -> None:
    """R50: when a worker has nothing else to do after its start, and then once an hour."""
    first = await deployment.start_worker()
    household = [order("aino"), order("eero"), order("maija")]
    for placed in household[:2]:
        placed["data"]["party"]["phone"] = "+358401234567"
        placed["data"]["party"]["name"]["given"] = placed["subject"]
    await deployment.publish(structured(ORDERS.name, placed) for placed in household)
    await deployment.drained()
    first.stop()
    second = await deployment.start_worker()

    async def counted() -> bool:
        return second.metric("register_possible_duplicates") == 2

    await until("the two who share a number to be counted", counted)
