"""The register notice: what the persons in the register are told (S50, GDPR Articles 13, 14)."""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.notice import markdown
from ops.notice.facts import bases_of, messages_kept, received_by, retentions
from ops.notice.wording import Wording
from register.controller import Authority, Controller, PostalAddress, Texts
from register.rules.settings import RuleSettings
from schemas.terms import Purpose


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered section; `obligations` and `law` are where it comes from (the annex)."""

    heading: str
    obligations: tuple[str, ...]
    law: str
    body: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice is made of, in one language."""

    controller: Controller
    settings: RuleSettings
    wording: Wording

    @property
    def texts(self) -> Texts:
        """The controller's own texts."""
        return self.controller.texts[self.wording.language]

    def sections(self) -> Iterator[Section]:
        """The sections, in the order of the old notice; the last two are the GDPR's."""
        text = self.wording.text
        yield Section(text("controller"), _s(1), "GDPR 13(1)(a)", self.keeper())
        yield Section(text("contact"), _s(2), "GDPR 13(1)(a)", self.contact())
        yield Section(text("register_name"), _s(3), "", self.controller.register_name)
        yield Section(text("purposes"), _s(4, 5, 6, 48), "GDPR 13(1)(c), (d)", self.purposes())
        data = _s(7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 24, 49)
        yield Section(text("data"), data, "GDPR 14(1)(d)", self.data())
        sources = _s(16, 18, 19, 20, 21, 22, 23, 25)
        yield Section(text("sources"), sources, "GDPR 14(2)(f)", self.sources())
        recipients = _s(26, 27, 28, 29, 47)
        yield Section(text("recipients"), recipients, "GDPR 13(1)(e)", self.recipients())
        rights = _s(13, 30, 31, 32, 33, 34, 35, 36, 37)
        yield Section(text("rights"), rights, "GDPR 13(2)(b), (c), (d)", self.rights())
        yield Section(text("transfers"), _s(38), "GDPR 13(1)(f)", self.transfers())
        protection = _s(39, 40, 41, 42, 43, 44, 45, 46)
        yield Section(text("protection"), protection, "GDPR 32", self.texts.protection)
        yield Section(text("retention"), (), "GDPR 13(2)(a)", self.retention())
        yield Section(text("provision"), (), "GDPR 13(2)(e)", self.texts.provision)
        yield Section(text("automated"), (), "GDPR 13(2)(f)", self.texts.automated_decisions)

    def keeper(self) -> str:
        """S1."""
        one, boxes = self.controller, self.controller.mailboxes
        addresses = ", ".join((boxes.general, boxes.business_customers, boxes.customer_service))
        return markdown.lines(
            [
                f"{one.name} ({one.short_name})",
                _on_one_line(one.address),
                f"{self.wording.text('phone')}: {one.phone}",
                f"{self.wording.text('email')}: {addresses}",
            ]
        )

    def contact(self) -> str:
        """S2."""
        contact = self.controller.contact
        email = f"{self.wording.text('email')}: {contact.email}"
        return markdown.lines([contact.name, _on_one_line(contact.address), email])

    def purposes(self) -> str:
        """S4, S5: what for, and on which legal basis."""
        wording = self.wording
        rows = [
            (
                wording.of("purpose", purpose),
                ", ".join(wording.of("basis", basis) for basis in bases_of(purpose)),
            )
            for purpose in Purpose
        ]
        laws = [
            f"{wording.of('basis', basis)}: {wording.of('basis_law', basis)}"
            for basis in dict.fromkeys(basis for one in Purpose for basis in bases_of(one))
        ]
        return markdown.paragraphs(
            markdown.items(self.texts.purposes),
            self.texts.legal_bases,
            self.texts.joint_marketing,
            wording.text("by_purpose"),
            markdown.table((wording.text("purpose"), wording.text("basis")), rows),
            wording.text("bases"),
            markdown.items(laws),
            wording.text("by_table"),
        )

    def data(self) -> str:
        """S7 to S15: whom and what the register holds."""
        wording = self.wording
        text = wording.text
        return markdown.paragraphs(
            text("groups"),
            markdown.items([*wording.all("audience"), text("employees")]),
            text("consumer_prospects"),
            text("contents"),
            markdown.items(self.texts.data_groups),
            text("party_fields").format(fields="; ".join(wording.all("field"))),
            f"{text('billing_states')}: {', '.join(wording.all('billing'))}. "
            f"{text('banned_points')}: {', '.join(wording.all('point'))}.",
            text("derived"),
        )

    def sources(self) -> str:
        """S16 to S25."""
        wording = self.wording
        text = wording.text
        return markdown.paragraphs(
            self.texts.sources,
            f"{text('own_forms')}: {', '.join(wording.all('form'))}.",
            f"{text('listings')}: {', '.join(wording.all('origin'))}. {text('listing_limits')}",
        )

    def recipients(self) -> str:
        """S26 to S29, S47."""
        wording = self.wording
        text = wording.text
        rows = [
            (
                wording.of("role", role),
                "; ".join(wording.of("topic", topic.name) for topic in topics),
            )
            for role, topics in received_by()
        ]
        return markdown.paragraphs(
            self.texts.recipients,
            text("who_receives"),
            markdown.table((text("recipient"), text("receives")), rows),
            text("disclosed_to"),
            markdown.items(wording.all("recipient")),
            text("ledger"),
        )

    def rights(self) -> str:
        """S13, S30 to S37."""
        text = self.wording.text
        signed = self.settings.access_requires_signature
        return markdown.paragraphs(
            text("access_right"),
            markdown.lines(self.controller.access_requests.lines),
            text("access_signed" if signed else "access_electronic"),
            markdown.items(self.texts.rights),
            f"{text('ban_right_now')} {text('erasure_limit')} {text('due')}",
            f"{self.texts.complaint} {text('authority')}:",
            _authority(self.texts.authority, self.wording),
        )

    def transfers(self) -> str:
        """S38."""
        wording = self.wording
        regions = f"{wording.text('place')}: {', '.join(wording.all('region'))}."
        return markdown.paragraphs(
            self.texts.transfers, f"{regions} {wording.text('transfer_rule')}"
        )

    def retention(self) -> str:
        """R20 to R27."""
        text = self.wording.text
        rows = [*retentions(self.settings, self.wording), messages_kept(self.wording)]
        return markdown.paragraphs(
            self.texts.retention, markdown.table((text("what"), text("how_long")), rows)
        )


def notice(controller: Controller, settings: RuleSettings, wording: Wording) -> str:
    """The whole page."""
    text = wording.text
    sections = list(Notice(controller, settings, wording).sections())
    numbered = [
        f"## {number}. {section.heading}\n\n{section.body}"
        for number, section in enumerate(sections, start=1)
    ]
    annex = [
        (f"{number}. {section.heading}", ", ".join(section.obligations), section.law)
        for number, section in enumerate(sections, start=1)
    ]
    annex.append((text("notice_title"), ", ".join(_s(50)), "GDPR 12"))
    heads = (text("annex_section"), text("annex_obligations"), text("annex_law"))
    return (
        markdown.paragraphs(
            f"# {text('notice_title')}",
            text("notice_about"),
            *numbered,
            f"## {text('annex')}",
            markdown.table(heads, annex),
            f"*{text('generated')}*",
        )
        + "\n"
    )


def _s(*numbers: int) -> tuple[str, ...]:
    return tuple(f"S{number}" for number in numbers)


def _on_one_line(address: PostalAddress) -> str:
    return ", ".join(address.lines)


def _authority(authority: Authority, wording: Wording) -> str:
    return markdown.lines(
        [
            authority.name,
            *authority.lines,
            f"{wording.text('phone')}: {authority.phone}",
            f"{wording.text('email')}: {authority.email}",
        ]
    )
