"""`register report`: the answer to an access request, as a letter (R60, S35)."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from register.cli.errors import CliError, usage
from register.cli.letter import Letter, Reported, compose, to_html, to_pdf
from register.cli.responses import Response, responses_to
from register.cli.running import run
from register.cli.times import shown
from register.controller import Controller, ControllerError, load
from schemas.terms import Language
from topics import RESPONSES

_REPORTED = "access.reported"
_REFUSED = "request.refused"


class Format(StrEnum):
    """What a letter is written as."""

    HTML = "html"
    PDF = "pdf"


def command(
    request_id: Annotated[str, typer.Argument(help="The access request's id.")],
    language: Annotated[
        Language | None, typer.Option(help="Of the letter; the person's own unless given.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.HTML,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path(),
    event: Annotated[
        str | None, typer.Option(help="Which report, where several requests had the same id.")
    ] = None,
) -> None:
    """Write the letter that answers an access request.

    The report is read from register.responses, which keeps it for 30 days. Only you may read
    the file that is written.
    """

    async def answer() -> None:
        if not out.is_dir():
            raise usage(f"there is no folder {out}")
        chosen = _choose(await responses_to(request_id), request_id, event)
        reported = Reported(request_id, chosen.time, chosen.data["report"])
        letter = compose(reported, _controller(), language or _own(reported), datetime.now(UTC))
        _write(letter, form, out, request_id)

    run(answer)


def _choose(answers: Sequence[Response], request_id: str, event: str | None) -> Response:
    """The report that answers the request; raises `CliError` where there is not exactly one.

    Two requests may have come under one id: a letter must not go to the wrong person.
    """
    reports = [one for one in answers if one.type == _REPORTED and event in (None, one.event_id)]
    if len(reports) == 1:
        return reports[0]
    if reports:
        listed = "".join(f"\n  --event {one.event_id}  {shown(one.time)}" for one in reports)
        raise usage(f"{len(reports)} requests had the id {request_id}; choose one:{listed}")
    reasons = [one.data["reason"] for one in answers if one.type == _REFUSED]
    if reasons:
        raise CliError(f"the request {request_id} was refused: {', '.join(reasons)}")
    assert RESPONSES.retention is not None
    raise CliError(
        f"{RESPONSES.name} has no report for the request {request_id}: it is not answered yet, "
        f"or was more than {RESPONSES.retention.days} days ago"
    )


def _own(reported: Reported) -> Language:
    """The language that the person is written to in."""
    return Language(reported.report["contact"].get("language", Language.FI))


def _controller() -> Controller:
    try:
        return load()
    except ControllerError as error:
        raise usage(str(error)) from None


def _write(letter: Letter, form: Format, out: Path, request_id: str) -> None:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", request_id)
    path = out / f"{name}.{letter.language}.{form}"
    stderr = Console(stderr=True)
    if form is Format.PDF:
        pdf = to_pdf(letter)
        data = pdf.data
        if pdf.missing_signs:
            text = f"the font lacks {pdf.missing_signs} of the letter's signs: send it as HTML"
            stderr.print(Text(text), soft_wrap=True)
    else:
        data = to_html(letter).encode()
    # Made readable by its owner alone before anything is in it.
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    Console().print(Text(str(path)), soft_wrap=True)
