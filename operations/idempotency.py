"""One effect and one answer for requests that bear the same Idempotency-Key."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Invalid, Refused
from operations.models import KeptAnswer

KEPT = timedelta(hours=24)
LONGEST_KEY = 128

Answer = dict[str, Any]


def once(
    *,
    client_id: int,
    path: str,
    key: str | None,
    body: Any,
    run: Callable[[], Answer],
    refusal: Callable[[Refused], Answer],
) -> Answer:
    """Runs `run` unless this key was served before; then its answer again.

    The answer is committed together with what it tells of. A refusal is kept too, but nothing the refused operation
    did; any other error leaves no trace, so that the request may be sent again. A concurrent repeat waits.
    Raises Invalid: `idempotency_conflict` where the key came with another body.
    """
    if key is None:
        return run()
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Invalid({"Idempotency-Key": [_("At most 128 printable ASCII characters.")]})
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).digest()
    with transaction.atomic():
        sql.execute(
            """
            INSERT INTO operations_keptanswer (client_id, path, key, body_hash) VALUES (%s, %s, %s, %s)
            ON CONFLICT (client_id, path, key) DO UPDATE
            SET body_hash = excluded.body_hash, answer = NULL, created_at = excluded.created_at
            WHERE operations_keptanswer.created_at < %s
            """,
            [client_id, path, key, digest, timezone.now() - KEPT],
        )
        row = KeptAnswer.objects.select_for_update(of=("self",)).get(client_id=client_id, path=path, key=key)
        if bytes(row.body_hash) != digest:
            raise Invalid(
                {"Idempotency-Key": [_("This key was used with another body.")]}, reason="idempotency_conflict"
            )
        if row.answer is None:
            try:
                with transaction.atomic():
                    row.answer = run()
            except Refused as error:
                row.answer = refusal(error)
            row.save(update_fields=["answer"])
        kept: Answer = row.answer
        return kept
