"""What a popup's buttons may be. They are shown by apps that trust us, so a button leads to the web or to a store."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MOST_BUTTONS = 3
LONGEST_NAME, LONGEST_VALUE = 24, 500
SCHEMES = ("https", "http", "itms-apps", "itms-appss", "market")


def validate_buttons(buttons: Any) -> None:
    """Raises ValidationError with a sentence for the first thing that is wrong."""
    if not isinstance(buttons, list) or len(buttons) > MOST_BUTTONS:
        raise ValidationError(_("Buttons are a list of at most %(most)s.") % {"most": MOST_BUTTONS})
    for button in buttons:
        if not isinstance(button, dict) or button.keys() != {"name", "type", "value"}:
            raise ValidationError(_("A button has a name, a type and a value, and nothing else."))
        name, kind, value = button["name"], button["type"], button["value"]
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
            raise ValidationError(_("A button's name has 1 to %(most)s characters.") % {"most": LONGEST_NAME})
        if kind != "url":
            raise ValidationError(_("A button's type is url."))
        if not isinstance(value, str) or not _leads_somewhere(value):
            raise ValidationError(_("A button leads to an address on the web or in a store."))


def _leads_somewhere(value: str) -> bool:
    if not value.isprintable() or any(c.isspace() for c in value) or len(value) > LONGEST_VALUE:
        return False
    try:
        address = urlsplit(value)
        return address.scheme in SCHEMES and bool(address.hostname)
    except ValueError:
        return False
