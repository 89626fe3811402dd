"""The pool's lock: taken last, after every client's account and every order and position."""

from common import sql


def lock_pool() -> None:
    """Locks the pool's row until the transaction ends. What it guards is read in later statements."""
    sql.row("SELECT 1 FROM market_making_pool WHERE id = 1 FOR UPDATE")
