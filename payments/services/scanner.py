"""Reads every transfer of the token to the platform, and notices when blocks were replaced.

The node is asked outside of any transaction. What it said is written together with the new position, and only if
the position is still the one that was read from: of two scans at once one writes.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from chain.node import Block, Node, NodeError, NodeRefused, TransferLog, node
from common import sql
from common.sockets import publish
from operations.alerts import alert
from payments import queries
from payments.channels import PAYMENTS
from payments.models import ChainTransfer, ScanCursor
from payments.services.resolving import propose_reversal_by_platform

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
        logs = _logs(chain, first, last)
        logs = [entry for entry in logs if entry.amount]
        blocks = [chain.block(number) for number in sorted({entry.block_number for entry in logs})]
        times = {block.hash: block.time for block in blocks if block is not None}
    # Only now: had the chain changed under the reading, either this block or the last one would show it.
    if cursor.block_hash and not _stands(chain, cursor.block_number, cursor.block_hash):
        return _go_back(chain, head, cursor)
    if end is None or not _stands(chain, end.number, end.hash) or any(e.block_hash not in times for e in logs):
        return None
    missing = _missing(chain, first, last, logs) if end is not None else []
    with transaction.atomic():
        if not _hold(cursor):
            return None
        _give_up(missing)
        written = _write(logs, times)
        cursor.trail = [*cursor.trail, [end.number, end.hash]][-LONGEST_TRAIL:]
        cursor.block_number, cursor.block_hash, cursor.block_time = end.number, end.hash, end.time
        cursor.save()
    return written


def _logs(chain: Node, first: int, last: int) -> list[TransferLog]:
    """The transfers of these blocks, in halves where a node finds them too many at once."""
    try:
        return chain.transfers(settings.CHAIN_TOKEN_ADDRESS, settings.CHAIN_RECEIVING_ADDRESS, first, last)
    except NodeRefused:
        if first == last:
            raise
        middle = (first + last) // 2
        return [*_logs(chain, first, middle), *_logs(chain, middle + 1, last)]


def _missing(chain: Node, first: int, last: int, logs: Sequence[TransferLog]) -> list[str]:
    """Hashes of blocks that held known transfers and were replaced, among those just read."""
    found = {(log.tx_hash, log.log_index, log.block_hash) for log in logs}
    known = _standing().filter(block_number__range=(first, last))
    places = {
        (number, block_hash)
        for tx_hash, index, number, block_hash in known.values_list(
            "tx_hash", "log_index", "block_number", "block_hash"
        )
        if (tx_hash, index, block_hash) not in found
    }
    return [block_hash for number, block_hash in sorted(places) if not _stands(chain, number, block_hash)]


def _standing() -> QuerySet[ChainTransfer]:
    """Transfers that are believed to be on the chain."""
    return ChainTransfer.objects.filter(
        chain_id=settings.CHAIN_ID, status__in=[Status.SEEN, Status.BOOKED, Status.UNMATCHED]
    )


def _give_up(replaced: Sequence[str]) -> None:
    """Gives up the transfers of blocks that were replaced. Those not booked yet are simply orphaned. A booked one is an
    alarm, and a reversal is proposed: its money is in the books, not on chain."""
    given_up = _standing().filter(block_hash__in=replaced)
    given_up.filter(status=Status.SEEN).update(status=Status.ORPHANED)
    for transfer in given_up.exclude(status=Status.SEEN).order_by("id").select_for_update():
        transfer.status = Status.REORGANISED
        transfer.save(update_fields=["status"])
        log.error("payment_reorganised", transfer=str(transfer), amount=str(transfer.amount))
        alert(
            f"reorganised:{transfer.pk}",
            f"A booked payment of {transfer.amount} USDT is gone from the chain",
            f"{transfer.tx_hash}: its block was replaced after it was booked. A reversal is proposed.",
        )
        propose_reversal_by_platform(transfer)


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
        SELECT %s, %s, l.*, CASE WHEN l.sender = ANY (%s) THEN 'ignored' ELSE 'seen' END
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
            queries.platform_addresses(),
            [entry.tx_hash for entry in logs],
            [entry.log_index for entry in logs],
            [entry.block_number for entry in logs],
            [entry.block_hash for entry in logs],
            [times[entry.block_hash] for entry in logs],
            [entry.sender for entry in logs],
            [entry.amount for entry in logs],
        ],
    )


def _go_back(chain: Node, head: Block, cursor: ScanCursor) -> int | None:
    """Returns to the last block reached that still stands, and gives up the transfers that stand no longer."""
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
    # What lies above the head is judged when the chain gets there: a node that lags proves nothing.
    above = _standing().filter(block_number__range=(reached + 1, head.number))
    places = above.values_list("block_number", "block_hash").distinct().order_by("block_number")
    replaced = [block_hash for number, block_hash in places if not _stands(chain, number, block_hash)]
    with transaction.atomic():
        if not _hold(cursor):
            return None
        _give_up(replaced)
        cursor.trail = trail
        cursor.block_number = reached
        cursor.block_hash = ancestor.hash if ancestor else ""
        cursor.block_time = ancestor.time if ancestor else None
        cursor.save()
    log.warning("chain_reorganised", back_to=reached)
    return 0
