"""Halts: what operators have stopped, asked for by whatever they stop."""

from collections.abc import Callable, Iterable

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Refused
from operations.models import Halt

Kind = Halt.Kind

# {index id: title} of every index, by whoever has them: they live in a room above.
Titles = Callable[[], dict[int, str]]
_titles: list[Titles] = []


def register_titles(titles: Titles) -> None:
    """Signs up for naming the indexes that a halt may be for."""
    _titles[:] = [titles]


def index_titles() -> dict[int, str]:
    return _titles[0]() if _titles else {}


SENTENCES = {
    Kind.OPEN: _("Opening positions is halted."),
    Kind.DEPOSIT: _("Deposits are halted."),
    Kind.WITHDRAW: _("Withdrawals are halted."),
    Kind.ALL: _("All business is halted."),
}


def refuse_halted(kind: Halt.Kind) -> None:
    """Raises Refused `halted` while `kind`, or everything, is halted for the whole platform."""
    found = sql.row(
        """
        SELECT kind FROM operations_halt WHERE lifted_at IS NULL AND index_id IS NULL AND kind IN (%s, 'all')
        ORDER BY kind LIMIT 1
        """,
        [kind],
    )
    if found is not None:
        raise Refused(SENTENCES[Kind(found[0])], "halted")


def is_halted(kind: Halt.Kind, index_id: int) -> bool:
    """Whether `kind` is halted for this index or every one."""
    return Halt.objects.filter(lifted_at=None, kind=kind).filter(Q(index_id=None) | Q(index_id=index_id)).exists()


def of_indexes(index_ids: Iterable[int]) -> dict[int, list[str]]:
    """{index id: what is halted for it: `all`, `open`, both or nothing}, by halts of its own or of every index."""
    halts = sql.rows(
        "SELECT kind, index_id FROM operations_halt WHERE lifted_at IS NULL AND kind IN ('open', 'all') ORDER BY kind"
    )
    return {
        index_id: list(dict.fromkeys(kind for kind, only in halts if only in (None, index_id)))
        for index_id in index_ids
    }


def standing(*, kind: str, index_id: int | None) -> Halt | None:
    """The halt of just this that is in force."""
    return Halt.objects.filter(kind=kind, index_id=index_id, lifted_at=None).first()


@transaction.atomic
def start(*, kind: str, index_id: int | None, reason: str, operator: str) -> Halt:
    """Halts something; the same again gives the halt that stands."""
    return standing(kind=kind, index_id=index_id) or Halt.objects.create(
        kind=kind, index_id=index_id, reason=reason, started_by=operator
    )


def lift(*, halt_id: int, operator: str) -> None:
    """Ends a halt; again is no error."""
    sql.execute(
        "UPDATE operations_halt SET lifted_at = clock_timestamp(), lifted_by = %s WHERE id = %s AND lifted_at IS NULL",
        [operator, halt_id],
    )
