"""JSON whose numbers arrive as the literal text they were written in, so that no amount passes through a float."""

import json
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class Literal(str):
    """A JSON number, as text."""


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


class LiteralJSONParser(BaseParser):
    """An object of fields; anything else, NaN, deep nesting and broken UTF-8 are malformed."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        try:
            text = stream.read().decode("utf-8")
            if not text.strip():
                return {}
            data = json.loads(text, parse_float=Literal, parse_int=Literal, parse_constant=_constant)
            # Lone surrogates and NUL can be neither stored nor answered.
            if "\\u" in text and ("\x00" in (plain := json.dumps(data, ensure_ascii=False)) or not plain.encode()):
                raise ValueError("unstorable text")
        except (ValueError, RecursionError) as error:
            raise ParseError(_("Malformed JSON.")) from error
        if not isinstance(data, dict):
            raise ParseError(_("The body must be a JSON object."))
        return data
