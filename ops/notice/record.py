"""The record of processing activities (GDPR Article 30(1)), its letters in its order."""

from ops.notice import markdown
from ops.notice.facts import keeps, retentions, roles
from ops.notice.notice import Notice
from ops.notice.wording import Wording
from register.controller import Controller
from register.rules.settings import RuleSettings
from topics import TOPICS


def record(controller: Controller, settings: RuleSettings, wording: Wording) -> str:
    """The whole page."""
    text, told = wording.text, Notice(controller, settings, wording)
    letters = (
        ("a", text("controller"), _who(told)),
        ("b", text("purposes"), told.purposes()),
        ("c", text("data"), told.data()),
        ("d", text("recipients"), _recipients(told)),
        ("e", text("transfers"), told.transfers()),
        ("f", text("retention"), _retention(settings, wording)),
        ("g", text("measures"), _measures(told)),
    )
    return (
        markdown.paragraphs(
            f"# {text('record_title')}: {controller.register_name}",
            text("record_about"),
            *(f"## {letter}) {heading}\n\n{body}" for letter, heading, body in letters),
            f"*{text('generated')}*",
        )
        + "\n"
    )


def _who(told: Notice) -> str:
    return markdown.paragraphs(told.keeper(), f"{told.wording.text('contact')}:", told.contact())


def _recipients(told: Notice) -> str:
    """Who receives, and who may write and read what (S40 to S42)."""
    wording = told.wording
    text = wording.text
    rows = [
        (f"`{topic.name}`", roles(topic.writers, wording), roles(topic.readers, wording))
        for topic in TOPICS.values()
    ]
    heads = (text("topic"), text("written_by"), text("read_by"))
    return markdown.paragraphs(told.recipients(), text("processors"), markdown.table(heads, rows))


def _retention(settings: RuleSettings, wording: Wording) -> str:
    text = wording.text
    rows = [
        (f"`{topic.name}`", wording.of("topic", topic.name), keeps(topic, wording))
        for topic in TOPICS.values()
    ]
    return markdown.paragraphs(
        markdown.table((text("what"), text("how_long")), retentions(settings, wording)),
        text("retention_topics"),
        markdown.table((text("topic"), text("carries"), text("keeps")), rows),
    )


def _measures(told: Notice) -> str:
    return markdown.paragraphs(
        told.texts.protection, markdown.items(told.wording.words["measure"].values())
    )
