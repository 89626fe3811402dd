"""Accounts and transfers. PostgreSQL keeps them (see migrations/guard.sql); nothing here may be saved by hand."""

from decimal import Decimal

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ledger.accounts import PLATFORM_BASE, ClientAccount, PlatformAccount

_TOO_MUCH = Decimal(10) ** 23


class Account(models.Model):
    """One pot of USDT. `balance` is the sum of its transfers, kept by a trigger; `floor` is what it may not fall
    below: 0, nothing for custody, and minus the sum of all pledges for the pool's result."""

    class Kind(models.IntegerChoices):
        AVAILABLE = ClientAccount.AVAILABLE, _("available")
        MARGIN = ClientAccount.MARGIN, _("margin")
        ORDER_HOLD = ClientAccount.ORDER_HOLD, _("order hold")
        WITHDRAWAL_HOLD = ClientAccount.WITHDRAWAL_HOLD, _("withdrawal hold")
        PLEDGE = ClientAccount.PLEDGE, _("pledge")
        FUND_PRINCIPAL = ClientAccount.FUND_PRINCIPAL, _("fund principal")
        CUSTODY = 100 + PlatformAccount.CUSTODY - PLATFORM_BASE, _("custody")
        POOL_RESULT = 100 + PlatformAccount.POOL_RESULT - PLATFORM_BASE, _("pool result")
        SETTLEMENT_DUE = 100 + PlatformAccount.SETTLEMENT_DUE - PLATFORM_BASE, _("settlement due")
        INCENTIVE_POOL = 100 + PlatformAccount.INCENTIVE_POOL - PLATFORM_BASE, _("incentive pool")
        FEE_REVENUE = 100 + PlatformAccount.FEE_REVENUE - PLATFORM_BASE, _("fee revenue")
        UNMATCHED = 100 + PlatformAccount.UNMATCHED - PLATFORM_BASE, _("unmatched")
        FUND_RESERVE = 100 + PlatformAccount.FUND_RESERVE - PLATFORM_BASE, _("fund reserve")

    id = models.BigIntegerField(primary_key=True)
    balance = models.DecimalField(_("balance"), max_digits=30, decimal_places=6, db_default=0)
    floor = models.DecimalField(_("floor"), max_digits=30, decimal_places=6, null=True, db_default=0)
    client_id = models.GeneratedField(
        verbose_name=_("client"),
        expression=Case(When(id__lt=PLATFORM_BASE, then=F("id") / 8), default=None),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
    )
    kind = models.GeneratedField(
        verbose_name=_("kind"),
        expression=Case(When(id__lt=PLATFORM_BASE, then=F("id") % 8), default=F("id") - Value(PLATFORM_BASE - 100)),
        output_field=models.SmallIntegerField(choices=Kind.choices),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(floor__isnull=True) | Q(balance__gte=F("floor")), name="ledger_account_not_below_floor"
            ),
            # PostgreSQL's NaN is larger than every number: without an upper end it would pay for anything.
            models.CheckConstraint(
                condition=Q(balance__lt=_TOO_MUCH) & (Q(floor__isnull=True) | Q(floor__lt=_TOO_MUCH)),
                name="ledger_account_finite",
            ),
            models.CheckConstraint(
                condition=Q(id__gte=8, id__lt=PLATFORM_BASE, kind__lte=ClientAccount.FUND_PRINCIPAL)
                | Q(id__range=(PlatformAccount.CUSTODY, PlatformAccount.FUND_RESERVE)),
                name="ledger_account_known",
            ),
        ]

    def __str__(self) -> str:
        return self.named(self.id)

    @classmethod
    def kind_of(cls, account: int) -> Kind:
        return cls.Kind(account % 8 if account < PLATFORM_BASE else account - PLATFORM_BASE + 100)

    @classmethod
    def named(cls, account: int) -> str:
        """The account in the reader's language: its kind, and a client's id."""
        label = str(cls.kind_of(account).label)
        return label if account >= PLATFORM_BASE else f"{label} {account // 8}"


class Transfer(models.Model):
    """An amount from one account to another. `reference` names its cause; a cause makes one transfer of a kind."""

    class Kind(models.TextChoices):
        DEPOSIT = "deposit", _("deposit")
        UNMATCHED = "unmatched", _("unmatched payment")
        PLEDGE = "pledge", _("pledge")
        SURPLUS = "surplus", _("pool's left-over to revenue")
        PLEDGE_LOSS = "pledge_loss", _("pledge's loss")
        PLEDGE_OUT = "pledge_out", _("pledged principal paid out of the pool")
        SETTLEMENT = "settlement", _("settlement's payouts set aside")
        PLEDGE_INCOME = "pledge_income", _("pledge's income")
        PLEDGE_RETURN = "pledge_return", _("pledged principal returned")
        FUND = "fund", _("fund purchase")
        FUND_REWARD = "fund_reward", _("fund reward")
        FUND_LOSS = "fund_loss", _("fund loss")
        FUND_RETURN = "fund_return", _("fund principal returned")
        FUND_FEE = "fund_fee", _("early redemption fee")
        RESERVE = "reserve", _("fund reserve topped up")
        POWER_REWARD = "power_reward", _("power reward")
        WITHDRAWAL_HOLD = "withdrawal_hold", _("withdrawal hold")
        WITHDRAWAL_RETURN = "withdrawal_return", _("withdrawal returned")
        WITHDRAWAL = "withdrawal", _("withdrawal")
        REFUND = "refund", _("unmatched payment refunded")
        WITHDRAWAL_FEE = "withdrawal_fee", _("withdrawal fee")
        CORRECTION = "correction", _("correction")
        HOLD = "hold", _("order hold")
        RELEASE = "release", _("order hold released")
        MARGIN = "margin", _("margin")
        FEE_POOL = "fee_pool", _("fee, market pool's share")
        FEE_INCENTIVE = "fee_incentive", _("fee, incentive pool's share")
        FEE_REVENUE = "fee_revenue", _("fee, revenue's share")
        PROFIT = "profit", _("profit")
        LOSS = "loss", _("loss")
        LIQUIDATION_FEE = "liquidation_fee", _("liquidation fee")
        MARGIN_RETURN = "margin_return", _("margin returned")
        REVERSAL = "reversal", _("reversal")

    debit = models.ForeignKey(
        Account, models.PROTECT, verbose_name=_("from"), related_name="+", db_constraint=False, db_index=False
    )
    credit = models.ForeignKey(
        Account, models.PROTECT, verbose_name=_("to"), related_name="+", db_constraint=False, db_index=False
    )
    amount = models.DecimalField(_("amount"), max_digits=30, decimal_places=6)
    kind = models.CharField(_("kind"), max_length=24, choices=Kind.choices)
    reference = models.CharField(_("reference"), max_length=120)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lt=_TOO_MUCH), name="ledger_transfer_amount_positive"
            ),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="ledger_transfer_two_accounts"),
            models.UniqueConstraint(fields=["reference", "kind"], name="ledger_transfer_once"),
        ]
        indexes = [
            models.Index(fields=["debit", "id"], name="ledger_transfer_debit"),
            models.Index(fields=["credit", "id"], name="ledger_transfer_credit"),
            # A day's transfers lie together, so this index is a few pages.
            BrinIndex(fields=["created_at"], name="ledger_transfer_age", pages_per_range=32),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.kind}"
