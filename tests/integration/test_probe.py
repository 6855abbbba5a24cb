import time
import pytest
from tests.integration.support.events import believable, order, structured
from tests.integration.support.model import assert_nothing_lost
from topics import ORDERS

async def test_probe(deployment):
    t=time.time()
    w = await deployment.start_worker()
    print("ready", time.time()-t); t=time.time()
    await deployment.publish([structured(ORDERS.name, order("a1"))])
    await deployment.drained()
    print("drained", time.time()-t); t=time.time()
    await deployment.publish(believable(5000, seed=11))
    print("published", time.time()-t); t=time.time()
    await deployment.drained()
    print("drained", time.time()-t); t=time.time()
    r = await assert_nothing_lost(deployment)
    print("verified", time.time()-t, len(r.facts), len(r.customers), len(r.bans)); t=time.time()
    print(w.stop(), time.time()-t, list(w.folder.iterdir()))
