"""The rules once more, written straight from `rules.md`: slow, plain, and independent.

It folds the whole set of events anew at every question, cell by cell, with loops and no
cleverness, and shares with `register.rules` nothing but the spelling of contact points
(`normalise`, tested by itself). Where it and the register differ, one of them is wrong.

It covers what persons and channels say (R2 to R12, R20 to R24, R27, R30 to R36, R50 to R54),
not requests, agreements and disclosures. `naive_facts` reads the events, `naive_cells` decides.
"""

from collections.abc import Callable, Iterable, Iterator

from tests.support.naive_cells import Decision, Person, Standing
from tests.support.naive_facts import (
    LISTING,
    Json,
    Point,
    Said,
    Who,
    collection_banned,
    comes_back,
    contact_points,
    covers,
    floor_of,
    has_ground,
    own_bans,
    own_kind,
    people,
    read,
    said_by,
)

__all__ = ["NaiveModel", "Person", "Point", "Who"]


class NaiveModel:
    """Holds the events that were accepted, and which personal data has been erased since.

    R21 and R23 judge by what had arrived, and data erased under R22 cannot be brought back:
    those two are all that the model keeps of the order of arrival.
    """

    def __init__(self, tie: Callable[[Json], bytes], agreements: Iterable[str] = ()) -> None:
        """`tie` orders events of equal time and rank; the rules leave that open."""
        self.accepted: list[Said] = []
        self.refused: list[str] = []
        self.erased: set[str] = set()
        self._tie = tie
        self._agreements = frozenset(agreements)
        self._seen: set[tuple[str, str]] = set()

    # Arrival

    def deliver(self, *events: Json) -> None:
        """Take a batch in: judge each event by what had arrived, then erase what must go."""
        for event in events:
            key = (event["source"], event["id"])
            if key in self._seen:  # R1
                continue
            self._seen.add(key)
            said = read(event, self._tie(event))
            if said is None or not self._admits(said):
                self.refused.append(event["id"])
            else:
                self.accepted.append(said)
        for members in self.people():
            self.erased.update(said.event_id for said in self._must_go(members))

    def _admits(self, said: Said) -> bool:
        if not said.brings_data or said.type == "order.placed" or said.who is None:
            return True
        everything = [*self.accepted, said]
        members = next(one for one in people(everything) if said.who in one)
        theirs = said_by(everything, members)
        if said.type == LISTING:
            earlier = [one for one in theirs if one is not said]
            return not (
                said.party["kind"] == "consumer"
                or own_kind(earlier) == "consumer"
                or self._listing_forbidden(said, earlier, members)
            )
        return has_ground(theirs, said.time)

    def _listing_forbidden(self, said: Said, theirs: list[Said], members: set[Who]) -> bool:
        """R23, R24: a collection ban of their own, or of another's under what it names."""
        own = [no for no in theirs if no.forbids_collecting]
        if own and (collection_banned(theirs) or said.time <= max(no.time for no in own)):
            return True
        for point in said.points:
            others = [
                standing
                for standing in self._under(point)
                if standing.said.forbids_collecting and standing.said.who not in members
            ]
            if any(one.collection or said.time <= one.said.time for one in others):
                return True
        return False

    def _must_go(self, members: set[Who]) -> Iterator[Said]:
        """Personal data that may not be held: R22, R23, R24."""
        theirs = said_by(self.accepted, members)
        floor = floor_of(theirs)
        for said in theirs:
            if not said.brings_data:
                continue
            listed = said.type == LISTING and (
                own_kind(theirs) == "consumer" or self._listing_forbidden(said, theirs, members)
            )
            if listed or (floor is not None and said.time <= floor):
                yield said

    # Persons (R50 to R52)

    def people(self) -> list[set[Who]]:
        """Identities that are one person, of everybody who ever said anything."""
        return people(self.accepted)

    def person(self, who: Who) -> Person | None:
        """The decision for the person with this identity; None where nothing may be held."""
        members = next((one for one in self.people() if who in one), set[Who]())
        theirs = said_by(self.accepted, members)
        return Decision(members, theirs, self.erased, self._agreements, self.standing).person()

    # The ban register (R7 to R9, R22, R24)

    def register(self) -> dict[Point, list[Json]]:
        """What stands under every contact point, company and identity that has a ban."""
        points = {point for said in self.accepted for point in said.points}
        shown = {point: [one.shown() for one in self.standing(point)] for point in points}
        for members in self.people():
            for no, marketing, collection in own_bans(said_by(self.accepted, members)):
                assert no.who is not None
                rows = shown.setdefault(("identity", "\n".join(no.who)), [])
                if marketing or collection:
                    rows.append(Standing(no, marketing, collection).shown())
        return {point: rows for point, rows in shown.items() if rows}

    def standing(self, point: Point) -> list[Standing]:
        """Bans that stand, in part at least, under a contact point or a company."""
        return [one for one in self._under(point) if one.marketing or one.collection]

    def _under(self, point: Point) -> list[Standing]:
        """Every ban under a point, ended or not: named by the ban, or left behind by data."""
        named = [said for said in self.accepted if said.is_no and point in said.points]
        found = [self._after(Standing(no, True, no.forbids_collecting), point) for no in named]
        for left in self._left_behind(point):
            if all(left.said.event_id != no.event_id for no in named):
                found.append(self._after(left, point))
        return found

    def _after(self, ban: Standing, point: Point) -> Standing:
        """What is left of it after lifts that name the point or come from who placed it."""
        no = ban.said
        lifts = [
            lift
            for lift in self.accepted
            if lift.type == "ban.lifted"
            and lift.time > no.time
            and (point in lift.points or (lift.who is not None and lift.who == no.who))
        ]
        lifted = any(covers(lift.data["scope"], no.data["scope"]) for lift in lifts)
        may_collect = any(lift.data.get("collection") for lift in lifts) or self._came_back(no)
        return Standing(no, ban.marketing and not lifted, ban.collection and not may_collect)

    def _came_back(self, ban: Said) -> bool:
        """R24: the person's own later order or sign-up ends a collection ban of theirs."""
        members = next((one for one in self.people() if ban.who in one), set[Who]())
        return any(comes_back(said, ban) for said in said_by(self.accepted, members))

    def _left_behind(self, point: Point) -> Iterator[Standing]:
        """R22, R24: contact data that was erased leaves the person's bans under its digests."""
        for members in self.people():
            theirs = said_by(self.accepted, members)
            floor = floor_of(theirs)
            gone = [
                said
                for said in theirs
                if said.brings_data and floor is not None and said.time <= floor
            ]
            if any(point in contact_points(said.party) for said in gone):
                yield from (Standing(*one) for one in own_bans(theirs))
