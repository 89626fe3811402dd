"""Reads every transfer of the token to the platform, and notices when blocks were replaced.

The node is asked outside of any transaction. What it said is written together with the new position, and only if
the position is still the one that was read from: of two scans at once one writes.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction

from chain.node import Block, Node, NodeError, TransferLog, node
from common import sql
from common.sockets import publish
from payments import queries
from payments.channels import PAYMENTS
from payments.models import ChainTransfer, ScanCursor

log = structlog.get_logger(__name__)

Status = ChainTransfer.Status

BLOCKS_AT_ONCE = 500
LONGEST_TRAIL = 128


def scan() -> int:
    """Reads on to the chain's head; the number of transfers that were new or had moved to another block.

    Without the node it warns, and the next scan goes on from the same place.
    """
    written = 0
    waited = queries.payers(queries.unbooked())
    try:
        chain = node()
        head = chain.head()
        cursor = _cursor()
        while cursor.block_hash != head.hash:
            found = _step(chain, head, cursor)
            if found is None:
                break
            written += found
            cursor = _cursor()
    except NodeError as error:
        log.warning("chain_unavailable", during="scan", error=str(error))
    # Their transfers are deeper now, or new, or lost their block.
    publish.after_commit(waited | queries.payers(queries.unbooked()), [PAYMENTS])
    return written


def _cursor() -> ScanCursor:
    before_first = {"block_number": settings.CHAIN_START_BLOCK - 1, "block_hash": ""}
    return ScanCursor.objects.get_or_create(chain_id=settings.CHAIN_ID, defaults=before_first)[0]


def _step(chain: Node, head: Block, cursor: ScanCursor) -> int | None:
    """Reads the next blocks, or goes back; the number of transfers written, None where another scan was faster or
    the chain moves on just now."""
    last = min(cursor.block_number + BLOCKS_AT_ONCE, head.number)
    end = chain.block(last) if last > cursor.block_number else None
    logs: Sequence[TransferLog] = ()
    times: dict[str, datetime] = {}
    if end is not None:
        # Blocks that were not deep at the last reading are read again: a node that was behind may have left some out.
        first = max(settings.CHAIN_START_BLOCK, cursor.block_number + 1 - settings.CHAIN_CONFIRMATIONS)
        logs = chain.transfers(settings.CHAIN_TOKEN_ADDRESS, settings.CHAIN_RECEIVING_ADDRESS, first, last)
        logs = [entry for entry in logs if entry.amount]
        blocks = [chain.block(number) for number in sorted({entry.block_number for entry in logs})]
        times = {block.hash: block.time for block in blocks if block is not None}
    # Only now: had the chain changed under the reading, either this block or the last one would show it.
    if cursor.block_hash and not _stands(chain, cursor.block_number, cursor.block_hash):
        return _go_back(chain, cursor)
    if end is None or not _stands(chain, end.number, end.hash) or any(e.block_hash not in times for e in logs):
        return None
    with transaction.atomic():
        if not _hold(cursor):
            return None
        written = _write(logs, times)
        cursor.trail = [*cursor.trail, [end.number, end.hash]][-LONGEST_TRAIL:]
        cursor.block_number, cursor.block_hash, cursor.block_time = end.number, end.hash, end.time
        cursor.save()
    return written


def _stands(chain: Node, number: int, block_hash: str) -> bool:
    block = chain.block(number)
    return block is not None and block.hash == block_hash


def _hold(cursor: ScanCursor) -> bool:
    """Locks the position; whether it is free and still the one that was read from."""
    place = {"id": cursor.id, "block_number": cursor.block_number, "block_hash": cursor.block_hash}
    return ScanCursor.objects.select_for_update(skip_locked=True).filter(**place).first() is not None


def _write(logs: Sequence[TransferLog], times: dict[str, datetime]) -> int:
    """Adds transfers. One that is known moves to the block it stands in now; had it been given up, it is back.

    A transaction may do other things in another block: what was booked only comes back if it is the same.
    """
    return sql.execute(
        """
        INSERT INTO payments_chaintransfer AS t (
            chain_id, recipient, tx_hash, log_index, block_number, block_hash, block_time, sender, amount, status
        )
        SELECT %s, %s, l.*, CASE WHEN l.sender = %s THEN 'ignored' ELSE 'seen' END
        FROM unnest(
            %s::text[], %s::integer[], %s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::numeric[]
        ) AS l (tx_hash, log_index, block_number, block_hash, block_time, sender, amount)
        ON CONFLICT (chain_id, tx_hash, log_index) DO UPDATE
        SET block_number = excluded.block_number, block_hash = excluded.block_hash,
            block_time = excluded.block_time, sender = excluded.sender, amount = excluded.amount,
            status = CASE
                WHEN t.booked_as = 'unmatched' THEN 'unmatched'
                WHEN t.booked_as <> '' THEN 'booked'
                ELSE excluded.status
            END
        WHERE t.status <> 'ignored'
            AND (t.block_hash <> excluded.block_hash OR t.status IN ('orphaned', 'reorganised'))
            AND (t.booked_as = '' OR (t.sender, t.amount) = (excluded.sender, excluded.amount))
        """,
        [
            settings.CHAIN_ID,
            settings.CHAIN_RECEIVING_ADDRESS,
            # A transfer from the platform to itself leaves its holdings as they are.
            settings.CHAIN_RECEIVING_ADDRESS,
            [entry.tx_hash for entry in logs],
            [entry.log_index for entry in logs],
            [entry.block_number for entry in logs],
            [entry.block_hash for entry in logs],
            [times[entry.block_hash] for entry in logs],
            [entry.sender for entry in logs],
            [entry.amount for entry in logs],
        ],
    )


def _go_back(chain: Node, cursor: ScanCursor) -> int | None:
    """Returns to the last block reached that still stands, and gives up the transfers that stand no longer.

    Those not booked yet are simply orphaned. A booked one is an alarm: its money is in the books, not on chain.
    """
    ancestor: Block | None = None
    trail = list(cursor.trail)
    while trail and ancestor is None:
        number, block_hash = trail[-1]
        block = chain.block(number)
        if block is not None and block.hash == block_hash:
            ancestor = block
        else:
            trail.pop()
    reached = ancestor.number if ancestor else settings.CHAIN_START_BLOCK - 1
    above = ChainTransfer.objects.filter(
        chain_id=settings.CHAIN_ID,
        block_number__gt=reached,
        status__in=[Status.SEEN, Status.BOOKED, Status.UNMATCHED],
    )
    places = above.values_list("block_number", "block_hash").distinct().order_by("block_number")
    replaced = [block_hash for number, block_hash in places if not _stands(chain, number, block_hash)]
    with transaction.atomic():
        if not _hold(cursor):
            return None
        given_up = above.filter(block_hash__in=replaced)
        given_up.filter(status=Status.SEEN).update(status=Status.ORPHANED)
        booked = list(given_up.exclude(status=Status.SEEN).order_by("id").select_for_update())
        ChainTransfer.objects.filter(id__in=[t.id for t in booked]).update(status=Status.REORGANISED)
        cursor.trail = trail
        cursor.block_number = reached
        cursor.block_hash = ancestor.hash if ancestor else ""
        cursor.block_time = ancestor.time if ancestor else None
        cursor.save()
    log.warning("chain_reorganised", back_to=reached)
    for transfer in booked:
        log.error("payment_reorganised", transfer=str(transfer), amount=str(transfer.amount))
    return 0
