"""The rules once more, written straight from `rules.md`: slow, plain, and independent.

It folds the whole set of events anew at every question, cell by cell, with loops and no
cleverness, and shares with `register.rules` nothing but the spelling of contact points
(`normalise`, tested by itself). Where it and the register differ, one of them is wrong.

It covers what persons and channels say, requests and agreements (R2 to R12, R20 to R27, R30 to
R36, R50 to R54, R60, R62). `naive_facts` reads the events, `naive_cells` decides,
`naive_partners` knows agreements.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from tests.support.naive_cells import Decision, Person, Standing
from tests.support.naive_facts import (
    ACCESS,
    ERASURE,
    LISTING,
    MERGE,
    NOBODY,
    RECTIFICATION,
    RETENTION,
    Json,
    Point,
    Said,
    Who,
    collection_banned,
    comes_back,
    contact_points,
    covers,
    floor_of,
    has_consent,
    has_ground,
    is_open,
    merged,
    names_of,
    own_bans,
    own_kind,
    people,
    profile_of,
    read,
    remaining,
    said_by,
    stays,
)
from tests.support.naive_partners import ENDED, SIGNED, agreed_purposes, agreed_with

__all__ = ["NaiveModel", "Person", "Point", "Who"]

SCREENING = "screening.requested"
DISCLOSURE = "disclosure.requested"


class NaiveModel:
    """Holds the events that were accepted, and what cannot be told from them alone.

    That is little, and all that the model keeps of the order of arrival: R21, R23 and R25 judge
    by what had arrived; data erased under R22 cannot be brought back; a request is answered, and
    an erasure finds whom and which contact points it finds, when it arrives and whenever it is
    found to be of one more reference (R25, R60, R62);
    persons found to be one stay one, though the data that proved it goes with an erasure.
    """

    def __init__(self, tie: Callable[[Json], bytes], agreements: Iterable[str] = ()) -> None:
        """`tie` orders events of equal time and rank; the rules leave that open."""
        self.accepted: list[Said] = []
        self.refused: list[str] = []
        self.answers: list[tuple[str, str | None]] = []
        self.erased: set[str] = set()
        self._tie = tie
        self._always_agreed = frozenset(agreements)
        self._agreements: list[Said] = []
        self._seen: set[tuple[str, str]] = set()
        self._together: list[set[Who]] = []
        self._forgotten: set[tuple[str, Who | None]] = set()
        self._taken: set[tuple[str, Who | None]] = set()

    # Arrival

    def deliver(self, *events: Json) -> None:
        """Take a batch in: judge each event by what had arrived, then erase what must go."""
        for event in events:
            key = (event["source"], event["id"])
            if key in self._seen:  # R1
                continue
            self._seen.add(key)
            said = read(event, self._tie(event))
            if said is None:
                self.refused.append(event["id"])
            else:
                left: dict[Who | None, list[Said]] = {
                    who: self._left_of(who) for group in self._together for who in group
                }
                known = len(self.accepted)
                self._take(said)
                for one in self.accepted[known:]:
                    left.setdefault(one.who, []).append(one)
                self._extend_erasures(left)
                self._forget()
        self._let_go()

    def _take(self, said: Said) -> None:
        if said.type in (SIGNED, ENDED):
            self._agreements.append(said)
        elif said.type in (ACCESS, RECTIFICATION, ERASURE):
            self.answers.append((said.event_id, self._answer(said)))
        elif said.type in (SCREENING, DISCLOSURE):
            return  # they ask, and change nothing
        elif not self._admits(said):
            self.refused.append(said.event_id)
            if said.type == MERGE:
                self.answers.append((said.event_id, "erased"))
        else:
            self._accept(said, merged(said) if said.type == MERGE else set())
            if said.type == MERGE:
                self.answers.append((said.event_id, None))

    def _accept(self, said: Said, together: set[Who]) -> None:
        self._together = self._people_with(said, together)
        self.accepted.append(said)
        if said.gives_match:
            self._forgotten -= {_key(one) for one in self._left_of(said.who)}

    def _extend_erasures(self, left: Mapping[Who | None, list[Said]]) -> None:
        """Who is found to be one person with somebody erased was erased too (R25, R51): what
        they had given by then goes, and the ban stands under its contact points as well.

        `left` is what was held of each reference until now, and what was just said.
        """
        for members in list(self.people()):
            ends = [one for one in self.accepted if one.type == ERASURE and one.who in members]
            if not ends:
                continue
            last = max(ends, key=lambda one: one.key)
            for who in sorted(members):
                banned = {at for one in ends if one.who == who for at in one.points}
                gone = (one for one in left.get(who, ()) if one.time <= last.time)
                points = [
                    at
                    for one in gone
                    if not stays(one)
                    for at in one.points
                    if at[0] != "company" and at not in banned
                ]
                if points:
                    found = tuple(dict.fromkeys(points))
                    self._accept(
                        replace(last, who=who, party={}, asked_for={}, reached=found), members
                    )

    def sweep(self, now: datetime, retention: timedelta) -> None:
        """R26: former consumer customers whose time is over are erased."""
        for members in list(self.people()):
            since = self._former_since(members)
            if since is not None and since <= now - retention:
                reached = tuple(dict.fromkeys(self._points_of(members, None)))
                who = min(members)
                over = Said(f"over {who}", RETENTION, who, now, b"", {}, {}, (), reached=reached)
                self._accept(over, members)
                self._forget()
                self._let_go()

    def _former_since(self, members: set[Who]) -> datetime | None:
        """When the last order of a former consumer customer ended; None where a consent of
        their own keeps the record."""
        person = self.person(min(members)) if members else None
        theirs = said_by(self.accepted, members)
        if person is None or person.former_since is None or has_consent(theirs):
            return None
        return person.former_since

    def _let_go(self) -> None:
        """What must go, goes."""
        for members in self.people():
            self.erased.update(said.event_id for said in self._must_go(members))

    def _forget(self) -> None:
        """What was taken away matches nobody any more, nor does whoever it was taken from but
        under the reference that asked for it (R25, R26)."""
        for members in self.people():
            said = [one for one in self.accepted if one.who in members]
            if not any(one.ends_data for one in said):
                continue
            left = {_key(one) for one in remaining(said)}
            gone = {_key(one) for one in said} - left
            if self._held(members):
                if gone - self._taken:
                    self._forgotten -= left
            else:
                asked = {one.who for one in said if one.type == ERASURE and one.names_somebody}
                end = max(one.time for one in said if one.ends_data)
                gone = {_key(one) for one in said} - {
                    _key(one)
                    for one in remaining(said)
                    if one.who in asked or (one.time > end and not one.brings_data)
                }
            self._taken |= {_key(one) for one in said} - left
            self._forgotten |= gone

    def _admits(self, said: Said) -> bool:
        if said.who is None:
            return True
        members = self._members_with(said)
        ends = [one for one in self.accepted if one.type == ERASURE and one.who in members]
        if any(said.time <= one.time for one in ends) and not stays(said):
            self._ban_points_of(said, ends)
            return False
        if not said.brings_data or said.type == "order.placed":
            return True
        theirs = said_by(self.accepted, members, said)
        if said.type == LISTING:
            earlier = [one for one in theirs if one is not said]
            return not (
                said.party["kind"] == "consumer"
                or own_kind(earlier) == "consumer"
                or self._listing_forbidden(said, earlier, members)
            )
        return has_ground(theirs, said.time)

    def _ban_points_of(self, refused: Said, ends: list[Said]) -> None:
        """R25: what an erased person's late event names is banned like what was known of them."""
        last = max(ends, key=lambda one: one.key)
        banned = {at for one in ends for at in one.points}
        points = [at for at in refused.points if at[0] != "company" and at not in banned]
        if points:
            reached = tuple(dict.fromkeys(points))
            self._accept(replace(last, party={}, asked_for={}, reached=reached), set())

    # Requests, by R25, R60, R62

    def _answer(self, said: Said) -> str | None:
        """Do what is asked; returns why it is not done."""
        members, reason = self._find(said)
        if said.type == ACCESS:
            return reason
        if said.type == RECTIFICATION:
            if reason is None and not self._is_taken_rightly(said, members):
                reason = "person_not_found"
            ends = [one for one in self.accepted if one.type == ERASURE and one.who in members]
            if reason is None and any(said.time <= one.time for one in ends):
                reason = "erased"
            if reason is None:
                who = said.who or self._eldest(members)
                self._accept(replace(said, who=who), members)
            return reason
        nobody = reason == "person_not_found"
        if reason == "person_ambiguous" or (nobody and not list(contact_points(said.party))):
            return reason
        theirs = said_by(self.accepted, members)
        if any(is_open(one, theirs) for one in theirs):
            return "open_billing"
        self._erase(said, members)
        return None

    def _find(self, said: Said) -> tuple[set[Who], str | None]:
        """The person with the reference, else with the name and a contact point, else, where
        no name is given, the only one who uses the contact point."""
        members = self._members_with(said)
        own = next((one for one in self.people() if said.who in one), set[Who]())
        given = [party for one in self._data_of(own) for party in (one.party, one.asked_for)]
        known = {name for party in given for name in names_of(party)}
        asked = {*names_of(said.asked_for), *names_of(said.party)}
        if known and asked and not known & asked and self._held_among(members - own):
            return members, "person_ambiguous"
        if held := self._held_among(members):
            several = said.type == ACCESS and len(held) > 1
            return members, "person_ambiguous" if several else None
        if "name" in said.asked_for or said.who is not None:
            return members, "person_not_found"
        points = set(contact_points(said.asked_for))
        using = [
            group
            for group in self.people()
            if any(points & set(one.points) for one in self._data_of(group))
        ]
        if len(using) == 1:
            return using[0], None
        return members, "person_ambiguous" if using else "person_not_found"

    def _is_taken_rightly(self, said: Said, members: set[Who]) -> bool:
        """R62: something is held, and of the kind of person that the correction speaks of."""
        held = sorted(self._held(members), key=lambda one: one.key)
        kind = profile_of(held, said_by(self.accepted, members)).get("kind")
        return bool(held) and ("kind" in said.data["corrections"] or kind == said.party["kind"])

    def _held_among(self, members: set[Who]) -> list[set[Who]]:
        """Persons among them of whom data is held."""
        return [one for one in self.people() if one & members and self._data_of(one)]

    def _erase(self, said: Said, members: set[Who]) -> None:
        """A ban on everything, under all references and contact points of before (R25)."""
        reached = tuple(dict.fromkeys([*said.points, *self._points_of(members, said.time)]))
        together = members | ({said.who} if said.who else set())
        if said.who is not None or not members:
            self._accept(replace(said, reached=reached), together)
        for who in sorted(members - {said.who}):
            copy = replace(said, who=who, party={}, asked_for={}, reached=reached)
            self._accept(copy, together)

    def _points_of(self, members: set[Who], until: datetime | None) -> Iterator[Point]:
        """Contact points that persons ever named, or had named by then; an erasure of one of
        them took nothing of another."""
        for group in self.people():
            if group & members:
                for said in remaining(one for one in self.accepted if one.who in group):
                    for point in said.points:
                        if point[0] != "company" and (until is None or said.time <= until):
                            yield point

    def _data_of(self, members: set[Who]) -> list[Said]:
        theirs = remaining(one for one in self.accepted if one.who in members)
        return [one for one in theirs if one.brings_data]

    def _held(self, members: set[Who]) -> list[Said]:
        gone = {one.event_id for one in self._must_go(members)} | self.erased
        return [one for one in self._data_of(members) if one.event_id not in gone]

    def _eldest(self, members: set[Who]) -> Who | None:
        return min(self._data_of(members), key=lambda one: one.key).who

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
        return self._together

    def _people_with(self, said: Said, together: Iterable[Who] = ()) -> list[set[Who]]:
        """The same, with one more event, and with persons who are the same by it."""
        giving = [one for one in self.accepted if _key(one) not in self._forgotten]
        if said.gives_match:
            giving += [one for one in self._left_of(said.who) if _key(one) in self._forgotten]
        found = {*together, *([said.who] if said.who else [])}
        return people([*giving, said], [*self._together, *([found] if found else [])])

    def _members_with(self, said: Said) -> set[Who]:
        """Who would be one person with whom an event names."""
        who = said.who or NOBODY
        groups = self._people_with(replace(said, who=who))
        return next(one for one in groups if who in one) - {NOBODY}

    def _left_of(self, who: Who | None) -> list[Said]:
        """What no erasure took of what a reference said."""
        members = next((one for one in self.people() if who in one), set[Who]())
        left = remaining(one for one in self.accepted if one.who in members)
        return [one for one in left if one.who == who]

    def person(self, who: Who) -> Person | None:
        """The decision for the person with this identity; None where nothing may be held."""
        members = next((one for one in self.people() if who in one), set[Who]())
        theirs = said_by(self.accepted, members)
        agreed = self._always_agreed | agreed_purposes(self._agreements)
        return Decision(members, theirs, self.erased, agreed, self.standing).person()

    # What partners may be given (R33, R34, R63)

    def may_receive(self, partner_id: str) -> bool:
        """Whether the partner's agreement is active, and covers names and addresses."""
        agreement = agreed_with(self._agreements).get(partner_id)
        return agreement is not None and "disclosure" in agreement.data["purposes"]

    def disclosable(self) -> list[Json]:
        """Name and address of everybody of whom both are held and may be disclosed (R43)."""
        persons = [self.person(min(members)) for members in self.people()]
        return [
            {"name": one.name, "address": one.address}
            for one in persons
            if one is not None and one.name and ("disclosure", "post") in one.allow
        ]

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

    def _under(self, point: Point, seen: frozenset[Point] = frozenset()) -> list[Standing]:
        """Every ban under a point, ended or not: named by the ban, left behind by data, or
        brought along from a point that was corrected to this one (R62)."""
        named = [said for said in self.accepted if said.is_no and point in said.points]
        found = [self._after(Standing(no, True, no.forbids_collecting), point) for no in named]
        for more in (*self._left_behind(point), *self._brought_along(point, seen)):
            if all(_key(more.said) != _key(one.said) for one in found):
                found.append(self._after(more, point))
        return found

    def _brought_along(self, point: Point, seen: frozenset[Point]) -> Iterator[Standing]:
        """R62: a corrected contact point's bans of until then bind the new one too."""
        if point[0] == "company":
            return
        for members in self.people():
            given = [one for one in said_by(self.accepted, members) if one.brings_data]
            for said in given:
                before = [one for one in given if one.key < said.key]
                if said.type != RECTIFICATION or point not in said.points:
                    continue
                own = [one for one in before if one.type != LISTING]
                old = _newest(own, point[0]) or _newest(before, point[0])
                if old is None or old == point or old in seen:
                    continue
                for ban in self._under(old, seen | {point}):
                    if (ban.marketing or ban.collection) and ban.said.time <= said.time:
                        yield ban

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
            left = [at for said in gone for at in contact_points(said.party)]
            left += [at for said in theirs if said.type == RETENTION for at in said.reached]
            if point in left:
                yield from (Standing(*one) for one in own_bans(theirs))


def _key(said: Said) -> tuple[str, Who | None]:
    """One erasure is kept for each reference of the person."""
    return (said.event_id, said.who)


def _newest(given: Iterable[Said], kind: str) -> Point | None:
    points = [point for said in given for point in said.points if point[0] == kind]
    return points[-1] if points else None
