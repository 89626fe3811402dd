"""JSON whose numbers arrive as the literal text they were written in, so that no amount passes through a float."""

import json
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

# No call takes more than an object of scalars; what goes on for longer would end in Python's own limit somewhere.
DEEPEST = 8


class Literal(str):
    """A JSON number, as text."""


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Readers disagree about which of the two counts.
        raise ValueError("a key stands twice")
    return found


def _check(value: Any, levels: int = DEEPEST) -> None:
    """Refuses deep nesting, and what can be neither stored nor answered: NUL and lone surrogates."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("NUL")
        value.encode()
    elif isinstance(value, list | dict):
        if not levels:
            raise ValueError("too deep")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(item, levels - 1)


class LiteralJSONParser(BaseParser):
    """An object of fields; anything else, a key that stands twice, NaN, deep nesting and broken UTF-8 are malformed."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        try:
            text = stream.read().decode("utf-8")
            if not text.strip():
                return {}
            data = json.loads(
                text,
                parse_float=Literal,
                parse_int=Literal,
                parse_constant=_constant,
                object_pairs_hook=_object,
            )
            _check(data)
        except (ValueError, RecursionError) as error:
            raise ParseError(_("Malformed JSON.")) from error
        if not isinstance(data, dict):
            raise ParseError(_("The body must be a JSON object."))
        return data
