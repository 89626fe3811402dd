"""Telling connected clients that something of theirs changed, once it is committed."""

from django.db import transaction

from common.sockets import publish

POSITIONS = "index.positions"


def announce(*client_ids: int) -> None:
    """After the commit: the sockets of these clients read their positions anew."""
    if client_ids:
        transaction.on_commit(lambda: publish.clients_changed(client_ids, [POSITIONS]))
