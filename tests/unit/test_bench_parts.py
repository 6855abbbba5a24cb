"""The benchmark's own arithmetic: figures, targets, plot, feeds, and the peers' core."""

import random
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import guard, plot, profile
from bench.ceilings import chunks
from bench.events import ban, consent, event_id, order, orders
from bench.feeds import feeds, mixed, with_repeats
from bench.figures import Figure, Target, ratio_over, ratio_under, table, value_under
from bench.peers import core
from ops.generate import Generator, Published


def _figure(value: float, yardstick: float, target: Target | None) -> Figure:
    return Figure("f", "ms", value, "y", yardstick, target)


@pytest.mark.parametrize(
    ("target", "met", "reached"),
    [
        (value_under(20), True, 2.0),
        (value_under(5), False, 0.5),
        (ratio_under(2), True, 1.0),
        (ratio_under(1), False, 0.5),
        (ratio_over(1), True, 2.0),
        (ratio_over(4), False, 0.5),
    ],
)
def test_a_target_is_of_the_value_or_of_the_ratio(
    target: Target, met: bool, reached: float
) -> None:
    figure = _figure(10, 5, target)
    assert figure.met is met
    assert target.reached(figure) == reached


def test_without_a_target_nothing_is_judged() -> None:
    figure = Figure("f", "/s", 1, "y", 1, unjudged="2 cores")
    assert figure.met is None
    assert figure.verdict == "2 cores"
    assert plot.as_text([figure]) == ""
    assert table([figure]).row_count == 1


def test_the_plot_marks_the_target_and_what_missed_it() -> None:
    figures = [_figure(10, 5, ratio_over(1)), _figure(10, 5, ratio_over(400))]
    good, bad = plot.as_text(figures).splitlines()[1:]
    assert good.endswith("2 yes")
    assert bad.endswith("NO")
    assert plot.position(1.0) == pytest.approx(0.5)
    assert plot.position(1e-9) == 0.0
    assert plot.position(1e9) == 1.0


def test_the_picture_is_xml_whatever_the_names_hold() -> None:
    figure = Figure("a < b & c", "ms", 1, "y", 1, value_under(2))
    picture = ElementTree.fromstring(plot.as_svg([figure], "t < u"))
    texts = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b & c" in texts
    assert "t < u" in texts


def test_feeds_have_the_share_of_repetitions_that_they_are_named_after() -> None:
    made = list(feeds(100))
    assert len(made) == 6
    for feed in made:
        keys = {(one.event or {})["id"] for one in feed.deliveries}
        assert len(feed.deliveries) == 100
        assert len(keys) == feed.unique == (80 if "20%" in feed.name else 100)
    seen = [key for feed in made for key in {event_id(one) for one in feed.deliveries}]
    assert len(seen) == len(set(seen)), "no event is in two feeds"


def test_consents_are_of_persons_who_have_ordered() -> None:
    ordered: set[tuple[str, str]] = set()
    for one in mixed(200, 0.0).deliveries:
        event = one.event or {}
        person = event["source"], event["subject"]
        if event["type"] == "order.placed":
            ordered.add(person)
        assert person in ordered


def test_a_repetition_never_comes_before_what_it_repeats() -> None:
    once = list(orders("run", 0, 50))
    delivered = list(with_repeats(once, 80, random.Random(1)))
    assert len(delivered) == 80
    assert list(dict.fromkeys(map(id, delivered))) == list(map(id, once))


def test_rows_are_parted_without_loss_and_data_stays_with_its_fact() -> None:
    rows: dict[str, list[tuple[Any, ...]]] = {
        "fact": [(number,) for number in range(10)],
        "fact_party": [(8, "x"), (9, "y"), (1, "z")],
        "customer": [(number,) for number in range(7)],
    }
    parts = list(chunks(rows, 3))
    for table_name, records in rows.items():
        parted = [row for part in parts for row in part[table_name]]
        assert sorted(parted) == sorted(records)
    for part in parts:
        facts = {row[0] for row in part["fact"]}
        assert {row[0] for row in part["fact_party"]} <= facts


def test_every_floor_is_asked_for_and_lets_something_pass() -> None:
    assert set(guard.floors()) == {"events_per_cpu_second", "ban_latency"}
    assert all(0 < floor < 1 for floor in guard.floors().values())


def _read(published: Published) -> core.Event:
    event = core.decode(published.value, published.headers)
    assert event is not None
    return event


def test_the_peers_core_decides_like_a_day_s_work() -> None:
    state = core.fold(None, _read(order("run", 1)))
    customer = core.decide(state, {})
    assert customer["allow"]["offers/phone"] == "customer_relationship"
    assert customer["deny"]["newsletter/email"] == "no_consent"
    state = core.fold(state, _read(consent("run", 1)))
    assert core.decide(state, {})["allow"]["newsletter/email"] == "consent"
    banned = core.decide(core.fold(state, _read(ban("run", 1))), {})
    assert banned["allow"] == {}
    assert set(banned["deny"].values()) == {"banned"}
    assert banned["contact"] == {}


def test_the_peers_core_keeps_bans_under_contact_points_until_they_are_lifted() -> None:
    state = core.fold(None, _read(order("run", 1)))
    point = state["points"]["phone"]
    placed = (point, False, {"channels": ["phone"]}, datetime(2026, 1, 1, tzinfo=UTC))
    lifted = (point, True, {"channels": ["phone"]}, datetime(2026, 1, 2, tzinfo=UTC))
    under = {key: sorted(cells) for key, cells in core.standing([placed]).items()}
    assert core.decide(state, under)["deny"]["offers/phone"] == "banned"
    assert core.standing([lifted, placed]) == {point: set()}


def test_the_peers_core_reads_both_modes_and_leaves_the_rest() -> None:
    events = Generator(3, start=datetime(2026, 1, 1, tzinfo=UTC)).take(200)
    for published in events:
        read = core.decode(published.value, published.headers)
        event = published.event or {}
        if event["type"] in core.TYPES:
            assert read is not None
            assert (read.event_id, read.data) == (event["id"], event["data"])
        else:
            assert read is None


def test_a_sample_belongs_to_the_innermost_part_that_it_is_in() -> None:
    """As py-spy writes them: from without to within, with how often each was seen."""
    batch = "run (asyncio/runners.py:1);write_batch (register/store/batch.py:90)"
    thread = "run (threading.py:1);apply (register/rules/apply.py:50)"
    samples = [
        f"{batch};_facts (register/store/reading.py:94);fetch (asyncpg/connection.py:689) 3",
        f"{batch};_facts (register/store/reading.py:94);fact_of (register/store/rows.py:22) 2",
        "run (threading.py:1);_worker (concurrent/futures/thread.py:81) 7",
        f"{thread};_Batch._person (register/rules/apply.py:97);fold (register/rules/fold.py:104) 4",
        "run (asyncio/runners.py:1);select (selectors.py:400) 1",
    ]
    assert profile.shares(samples) == {
        "apply: fold": 0.4,
        "drivers: PostgreSQL": 0.3,
        "lock and read": 0.2,
        profile.REST: 0.1,
    }
