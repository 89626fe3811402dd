"""Orders to be paid on chain, the transfers that came in, and how far the chain was read."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common import order_numbers
from payments.handlers import PURPOSES


class PaymentOrder(models.Model):
    """What a client wants to pay and for what. An unpaid one has no transaction, a confirmed one has its own."""

    class Purpose(models.TextChoices):
        DEPOSIT = order_numbers.DEPOSIT, _("deposit")
        FUND = order_numbers.FUND, _("fund purchase")
        PLEDGE = order_numbers.PLEDGE, _("pledge")

    class Status(models.IntegerChoices):
        UNPAID = 0, _("unpaid")
        CONFIRMING = 1, _("confirming")
        CONFIRMED = 2, _("confirmed")
        FAILED = 3, _("failed")

    no = models.CharField(_("order number"), max_length=24, unique=True)
    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), db_index=False)
    purpose = models.CharField(_("purpose"), max_length=4, choices=Purpose.choices)
    amount = models.DecimalField(_("amount"), max_digits=30, decimal_places=6)
    status = models.SmallIntegerField(_("status"), choices=Status.choices, db_default=Status.UNPAID)
    reason = models.CharField(_("reason"), max_length=40, blank=True, db_default="")
    tx_hash = models.CharField(_("transaction"), max_length=66, null=True)
    claimed_at = models.DateTimeField(_("submitted"), null=True)
    checked_at = models.DateTimeField(_("last looked for on chain"), null=True)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("payment order")
        verbose_name_plural = _("payment orders")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_order_amount_positive"),
            models.CheckConstraint(
                condition=Q(status=0, tx_hash=None, finished_at=None)
                | Q(status=1, tx_hash__isnull=False, claimed_at__isnull=False, finished_at=None)
                | Q(status=2, tx_hash__isnull=False, finished_at__isnull=False)
                | Q(status=3, finished_at__isnull=False),
                name="payments_order_status",
            ),
            models.CheckConstraint(
                condition=Q(status=3) & ~Q(reason="") | ~Q(status=3) & Q(reason=""), name="payments_order_reason"
            ),
            models.CheckConstraint(
                condition=Q(tx_hash=None) | Q(tx_hash__regex="^0x[0-9a-f]{64}$"), name="payments_order_tx_hash"
            ),
        ]
        indexes = [
            models.Index(fields=["client", "status"], name="payments_order_client"),
            models.Index(fields=["tx_hash"], name="payments_order_tx_hash"),
            models.Index(fields=["expires_at"], name="payments_order_unpaid", condition=Q(status=0)),
            models.Index(fields=["checked_at"], name="payments_order_confirming", condition=Q(status=1)),
        ]

    def __str__(self) -> str:
        return self.no


class ChainTransfer(models.Model):
    """A Transfer log of the token to the platform. `booked_as` is the first word of its reference in the ledger."""

    class Status(models.TextChoices):
        SEEN = "seen", _("seen, not deep enough or waiting")
        BOOKED = "booked", _("booked")
        UNMATCHED = "unmatched", _("sender unknown, waits for an operator")
        IGNORED = "ignored", _("moves nothing")
        ORPHANED = "orphaned", _("its block was replaced")
        REORGANISED = "reorganised", _("booked, then its block was replaced")

    class Booked(models.TextChoices):
        DEPOSIT = PURPOSES[order_numbers.DEPOSIT], _("deposit")
        PLEDGE = PURPOSES[order_numbers.PLEDGE], _("pledge")
        FUND = PURPOSES[order_numbers.FUND], _("fund purchase")
        UNMATCHED = "unmatched", _("unmatched payment")
        RESERVE = "reserve", _("fund reserve topped up")

    chain_id = models.BigIntegerField(_("chain"))
    tx_hash = models.CharField(_("transaction"), max_length=66)
    log_index = models.IntegerField(_("log index"))
    block_number = models.BigIntegerField(_("block"))
    block_hash = models.CharField(_("block hash"), max_length=66)
    block_time = models.DateTimeField(_("block time"))
    sender = models.CharField(_("sender"), max_length=42)
    recipient = models.CharField(_("recipient"), max_length=42)
    amount = models.DecimalField(_("amount"), max_digits=30, decimal_places=6)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices)
    booked_as = models.CharField(_("booked as"), max_length=12, choices=Booked.choices, blank=True, db_default="")
    booked_at = models.DateTimeField(_("booked at"), null=True)
    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), null=True)
    order = models.ForeignKey(PaymentOrder, models.PROTECT, verbose_name=_("payment order"), null=True)

    class Meta:
        verbose_name = _("incoming transfer")
        verbose_name_plural = _("incoming transfers")
        constraints = [
            models.UniqueConstraint(fields=["chain_id", "tx_hash", "log_index"], name="payments_transfer_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_transfer_amount_positive"),
            models.CheckConstraint(
                condition=Q(status__in=["seen", "ignored", "orphaned"], booked_as="", booked_at=None)
                | Q(status="booked", booked_at__isnull=False, client__isnull=False)
                & Q(booked_as__in=["deposit", "pledge", "fund"])
                | Q(status="booked", booked_at__isnull=False, booked_as="reserve")
                | Q(status="unmatched", booked_at__isnull=False, booked_as="unmatched")
                | Q(status="reorganised", booked_at__isnull=False) & ~Q(booked_as=""),
                name="payments_transfer_status",
            ),
        ]
        indexes = [
            models.Index(
                fields=["chain_id", "block_number"], name="payments_transfer_waiting", condition=Q(status="seen")
            ),
            models.Index(fields=["sender", "amount"], name="payments_transfer_sender"),
            models.Index(fields=["chain_id", "block_number"], name="payments_transfer_block"),
        ]

    def __str__(self) -> str:
        return f"{self.tx_hash} {self.log_index}"


class ScanCursor(models.Model):
    """The block up to which a chain was read, with its hash (empty before the first) and time.

    `trail` are [number, hash] of blocks reached before, oldest first: where to go back to when blocks were replaced.
    """

    chain_id = models.BigIntegerField(_("chain"), unique=True)
    block_number = models.BigIntegerField(_("block"))
    block_hash = models.CharField(_("block hash"), max_length=66, blank=True, db_default="")
    block_time = models.DateTimeField(_("block time"), null=True)
    trail = models.JSONField(_("trail"), default=list)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("scan position")
        verbose_name_plural = _("scan positions")
        constraints = [
            models.CheckConstraint(
                condition=Q(block_hash="", block_time=None) | ~Q(block_hash="") & Q(block_time__isnull=False),
                name="payments_cursor_block",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain_id}: {self.block_number}"
