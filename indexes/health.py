"""Whether the engines tick."""

from django.utils.translation import gettext as _

from indexes.queries import last_seen

MOST_SECONDS = 10
# Older than any platform: an index that was never seen counts from 1970.
NEVER = 10**9


def engine() -> str | None:
    """A sentence where a shard has not been ticked for 10 seconds."""
    found = last_seen()
    if found is not None and found[1] > NEVER:
        return _("No engine has ticked yet.")
    if found is not None and found[1] > MOST_SECONDS:
        return _("An engine has not ticked for %(seconds)d seconds.") % {"seconds": found[1]}
    return None
