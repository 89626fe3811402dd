"""Orders to be paid on chain, the transfers that came in, how far the chain was read; withdrawals and their payouts."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common import order_numbers
from operations.models import Approval
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

    class Resolution(models.TextChoices):
        ASSIGNED = "assigned", _("assigned to a client")
        REFUNDING = "refunding", _("being refunded")
        REFUNDED = "refunded", _("refunded")
        REVERSED = "reversed", _("booking reversed")

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
    # What operators decided later: of an unmatched payment, or of a booked one that is gone from the chain.
    resolution = models.CharField(_("resolution"), max_length=12, choices=Resolution.choices, blank=True, db_default="")
    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), null=True)
    order = models.ForeignKey(PaymentOrder, models.PROTECT, verbose_name=_("payment order"), null=True)

    class Meta:
        verbose_name = _("incoming transfer")
        verbose_name_plural = _("incoming transfers")
        permissions = [("resolve_chaintransfer", _("Can assign, refund and reverse incoming transfers"))]
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
            models.CheckConstraint(
                condition=Q(resolution__in=["", "reversed"])
                | Q(booked_as="unmatched", resolution__in=["assigned", "refunding", "refunded"]),
                name="payments_transfer_resolution",
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
        return f"{self.tx_hash[:6]}…{self.tx_hash[-4:]} {self.log_index}"


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


class Withdrawal(models.Model):
    """A payout to a client's own wallet, or, without a client, the refund of an unmatched payment to its sender.

    `amount` is what leaves the client's account, `fee` the platform's part of it. PostgreSQL keeps its course, what
    was asked for, and that two different operators approve it where `needs_two` (payouts.sql).
    """

    class Status(models.TextChoices):
        REVIEW = "review", _("in review")
        APPROVED = "approved", _("approved")
        SENT = "sent", pgettext_lazy("withdrawal", "sent")
        CONFIRMED = "confirmed", _("confirmed")
        REJECTED = "rejected", _("rejected")
        FAILED = "failed", _("failed")

    no = models.CharField(_("order number"), max_length=24, unique=True)
    client = models.ForeignKey("accounts.Client", models.PROTECT, verbose_name=_("client"), null=True, db_index=False)
    refund_of = models.ForeignKey(ChainTransfer, models.PROTECT, verbose_name=_("refund of"), null=True)
    address = models.CharField(_("address"), max_length=42)
    amount = models.DecimalField(_("amount"), max_digits=30, decimal_places=6)
    fee = models.DecimalField(_("fee"), max_digits=30, decimal_places=6)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, db_default=Status.REVIEW)
    reason = models.CharField(_("reason"), max_length=200, blank=True, db_default="")
    needs_two = models.BooleanField(_("two operators must approve"))
    automatic = models.BooleanField(_("approved automatically"), db_default=False)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("approved by"), related_name="+", null=True
    )
    second_approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("also approved by"), related_name="+", null=True
    )
    created_at = models.DateTimeField(_("created"))
    approved_at = models.DateTimeField(_("approved at"), null=True)
    nonce = models.BigIntegerField(_("nonce"), null=True)
    tx_hash = models.CharField(_("transaction"), max_length=66, null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        permissions = [("approve_withdrawal", _("Can approve and reject withdrawals"))]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=F("fee"), fee__gte=0), name="payments_withdrawal_amount"),
            models.CheckConstraint(
                condition=Q(client__isnull=False, refund_of=None) | Q(client=None, refund_of__isnull=False),
                name="payments_withdrawal_of",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["review", "rejected"])
                | Q(automatic=True, needs_two=False)
                | Q(needs_two=False, approved_by__isnull=False)
                | Q(approved_by__isnull=False, second_approved_by__isnull=False),
                name="payments_withdrawal_approved",
            ),
            models.CheckConstraint(
                condition=Q(second_approved_by=None) | ~Q(second_approved_by=F("approved_by")),
                name="payments_withdrawal_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["review", "approved"], nonce=None, finished_at=None)
                | Q(status="sent", nonce__isnull=False, finished_at=None)
                | Q(status="confirmed", nonce__isnull=False, tx_hash__isnull=False, finished_at__isnull=False)
                | Q(status="rejected", nonce=None, finished_at__isnull=False) & ~Q(reason="")
                | Q(status="failed", nonce__isnull=False, finished_at__isnull=False) & ~Q(reason=""),
                name="payments_withdrawal_status",
            ),
        ]
        indexes = [
            models.Index(fields=["client", "created_at"], name="payments_withdrawal_client"),
            models.Index(
                fields=["id"], name="payments_withdrawal_open", condition=Q(status__in=["review", "approved", "sent"])
            ),
            models.Index(fields=["approved_at"], name="payments_withdrawal_automatic", condition=Q(automatic=True)),
        ]

    def __str__(self) -> str:
        return self.no


class PayoutWallet(models.Model):
    """The hot wallet on a chain: its row, locked, gives out nonces. `held_up` says why nothing is paid now."""

    chain_id = models.BigIntegerField(_("chain"))
    address = models.CharField(_("address"), max_length=42)
    next_nonce = models.BigIntegerField(_("next nonce"))
    held_up = models.CharField(_("payouts are held up by"), max_length=200, blank=True, db_default="")
    tokens = models.DecimalField(_("USDT held"), max_digits=30, decimal_places=6, null=True)
    coins = models.DecimalField(_("coins for gas"), max_digits=40, decimal_places=18, null=True)
    checked_at = models.DateTimeField(_("looked at"), null=True)

    class Meta:
        verbose_name = _("hot wallet")
        verbose_name_plural = _("hot wallets")
        constraints = [models.UniqueConstraint(fields=["chain_id", "address"], name="payments_payoutwallet_once")]

    def __str__(self) -> str:
        return f"{self.chain_id}: {self.address}"


class Payout(models.Model):
    """A signed transaction that pays a withdrawal. A replacement has the same nonce and a higher fee: one can be mined.

    `raw` is what is broadcast, again and again the same bytes. Fees are wei for a unit of gas.
    """

    withdrawal = models.ForeignKey(Withdrawal, models.PROTECT, verbose_name=_("withdrawal"), related_name="payouts")
    wallet = models.ForeignKey(PayoutWallet, models.PROTECT, verbose_name=_("hot wallet"), related_name="+")
    nonce = models.BigIntegerField(_("nonce"))
    attempt = models.SmallIntegerField(_("attempt"))
    tx_hash = models.CharField(_("transaction"), max_length=66, unique=True)
    raw = models.TextField(_("signed transaction"))
    max_fee = models.DecimalField(_("highest fee, wei"), max_digits=30, decimal_places=0)
    tip = models.DecimalField(_("tip, wei"), max_digits=30, decimal_places=0)
    created_at = models.DateTimeField(_("signed"))
    broadcast_at = models.DateTimeField(_("last sent"), null=True)
    error = models.CharField(_("the node's objection"), max_length=200, blank=True, db_default="")

    class Meta:
        verbose_name = _("payout transaction")
        verbose_name_plural = _("payout transactions")
        constraints = [
            models.UniqueConstraint(fields=["wallet", "nonce", "attempt"], name="payments_payout_attempt"),
            models.UniqueConstraint(fields=["withdrawal", "attempt"], name="payments_payout_withdrawal"),
        ]

    def __str__(self) -> str:
        return self.tx_hash


class Corrections(models.Manager["Correction"]):
    """Approvals of that kind alone."""

    def get_queryset(self) -> models.QuerySet["Correction"]:
        return super().get_queryset().filter(kind="correction")


class Correction(Approval):
    """Proposals of corrections, as operators see them."""

    objects: ClassVar[Corrections] = Corrections()

    class Meta:
        proxy = True
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        permissions = [("correct", _("Can propose and approve corrections"))]
