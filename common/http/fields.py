"""Serializer fields for what clients send and get."""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common import public_ids
from common.http.parsers import Literal
from common.money import format_money, parse_plain


def _text(field: serializers.Field, data: Any) -> str:
    """A scalar as text. Booleans, lists and objects are none."""
    if isinstance(data, str) and len(data) <= 64:
        return data
    if isinstance(data, int) and not isinstance(data, bool):
        return str(data)
    field.fail("invalid")
    raise AssertionError


@extend_schema_field(OpenApiTypes.INT)
class PublicIdField(serializers.Field):
    """A public id, as an integer or its digits, decoded."""

    default_error_messages = {"invalid": _("A valid id is required.")}

    def to_internal_value(self, data: Any) -> int:
        text = _text(self, data)
        if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63):
            self.fail("invalid")
        return public_ids.decode(int(text))


@extend_schema_field(OpenApiTypes.STR)
class AmountField(serializers.Field):
    """Money above zero, in as a string or a JSON number with at most 6 decimals, out with 6."""

    default_error_messages = {"invalid": _("A plain decimal amount above zero with at most 6 decimals is required.")}

    def to_internal_value(self, data: Any) -> Decimal:
        value = parse_plain(_text(self, data), 6)
        if not value:
            self.fail("invalid")
            raise AssertionError
        return value

    def to_representation(self, value: Decimal) -> str:
        return format_money(value)


@extend_schema_field(OpenApiTypes.STR)
class PriceField(serializers.Field):
    """A price above zero with at most 4 decimals."""

    default_error_messages = {"invalid": _("A plain decimal price above zero with at most 4 decimals is required.")}

    def to_internal_value(self, data: Any) -> Decimal:
        value = parse_plain(_text(self, data), 4)
        if not value:
            self.fail("invalid")
            raise AssertionError
        return value


@extend_schema_field(OpenApiTypes.INT)
class VolumeField(serializers.Field):
    """A number of contracts or units, at least 1, as an integer or its digits."""

    default_error_messages = {"invalid": _("A whole number above zero is required.")}

    def to_internal_value(self, data: Any) -> int:
        text = _text(self, data)
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
            self.fail("invalid")
        return int(text)


class WordField(serializers.CharField):
    """Text that the client must have sent as a string."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or isinstance(data, Literal):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class OneOfField(serializers.ChoiceField):
    """One of some words, sent as a string."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=type(data).__name__)
        return str(super().to_internal_value(data))


@extend_schema_field(OpenApiTypes.STR)
class UnreadField(serializers.Field):
    """A field whose meaning depends on others: passed on as it came, for the serializer's `validate`."""

    def to_internal_value(self, data: Any) -> Any:
        return data
