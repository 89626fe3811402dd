"""The back office: every model can be looked at and searched, and money is only looked at."""

import html
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.models import Client
from accounts.tests.wallets import Wallet
from backoffice import samples
from common import sql
from contracts.models import Fill, Order, Position
from contracts.tests.desk import Desk
from funds.models import FundOrder, FundReward
from funds.services import top_up_reserve
from funds.tests.shop import bought, fund_reserve, new_product
from indexes.models import CandleGap
from ledger.accounts import PlatformAccount
from ledger.models import Transfer
from mining.models import Miner, PowerReward
from operations import audit, halts, runs
from operations.admin import WHAT_JOBS_DO
from operations.alerts import alert
from operations.models import Approval
from payments.models import ChainTransfer, PaymentOrder, Payout, PayoutWallet, ScanCursor, Withdrawal
from payments.services import resolving, withdrawals
from popups.models import Popup
from tests.conftest import ROOT, Trader, new_trader, opened, order_form
from tests.test_envelope import POSTS, SIGNED_IN
from tests.test_hostile import state

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
# What operators write. Everything else of ours is money, or what the platform itself keeps.
WRITTEN = {
    "indexes.Index",
    "indexes.Basket",
    "funds.Product",
    "funds.ReserveTopUp",
    "operations.Halt",
    "payments.Correction",
    "popups.Popup",
}
MONEY = {
    *("ledger.Account", "ledger.Transfer", "payments.PaymentOrder", "payments.ChainTransfer", "payments.ScanCursor"),
    *("contracts.Order", "contracts.Position", "contracts.Fill", "contracts.DayVolume"),
    *("market_making.Pool", "market_making.Exposure", "market_making.Pledge"),
    *("payments.Withdrawal", "payments.Payout", "payments.PayoutWallet"),
    *("funds.Period", "funds.FundOrder", "funds.FundReward", "mining.Miner", "mining.PowerRun", "mining.PowerReward"),
    *("market_making.Settlement", "market_making.PledgeResult"),
    *("accounts.Client", "accounts.Nonce", "accounts.RevokedToken"),
    *("operations.KeptAnswer", "operations.AuditEntry", "operations.Approval", "operations.Alert", "operations.JobRun"),
    "indexes.Constituent",
    *("indexes.IndexState", "indexes.Tick", "indexes.Candle", "indexes.CandleGap", "indexes.Leadership"),
    *("backoffice.Sample", "backoffice.DayFlow"),
}


@pytest.fixture
def busy(desk: Desk, trader: Trader) -> Trader:
    """A client who has done a little of everything."""
    opened(desk, trader)
    trader.post("contract/order/create", order_form(desk, price_type="limit", price="2000"), **{"idempotency-key": "1"})
    order = trader.post("index/recharge/order", {"amount": "5"})["data"]
    ChainTransfer.objects.create(
        chain_id=31337,
        tx_hash="0x" + "ab" * 32,
        log_index=0,
        block_number=1,
        block_hash="0x" + "cd" * 32,
        block_time=timezone.now(),
        sender=trader.wallet.address,
        recipient=order["address"],
        amount=5,
        status=ChainTransfer.Status.SEEN,
    )
    ScanCursor.objects.create(chain_id=31337, block_number=1)
    new_trader(desk).post("auth/logout", {})
    Browser().post(ROOT + "auth/nonce", {"address": trader.wallet.address})
    CandleGap.objects.create(index=desk.index, start=0, end=60, price=1)
    Popup.objects.create(kind="notice", title="x", content="y")
    bought(trader.id, new_product(), started=sql.database_time() - timedelta(days=100))
    bought(trader.id, new_product())
    for account in (PlatformAccount.FUND_RESERVE, PlatformAccount.FEE_REVENUE, PlatformAccount.INCENTIVE_POOL):
        fund_reserve("250", account)
    top_up_reserve(amount=Decimal(1), operator="a test", reason="a test")
    trader.post("power/start", {})
    for job in ("funds", "power"):
        runs.carry_out(job, runs.today())
    desk.tick("2900")
    desk.settle()
    operator = User.objects.create_superuser("proposer", password="x")
    Approval.objects.create(
        kind="test", object_type="accounts.Client", object_id="1", reason="busy", proposed_by=operator
    )
    resolving.propose_correction(
        debit=PlatformAccount.FEE_REVENUE,
        credit=PlatformAccount.FUND_RESERVE,
        amount=Decimal(1),
        operator=operator,
        reason="busy",
    )
    trader.post("index/withdraw", {"amount": "50"})
    withdrawals.approve_automatically()
    PayoutWallet.objects.update(next_nonce=1)
    withdrawal = Withdrawal.objects.get()
    Payout.objects.create(
        withdrawal=withdrawal,
        wallet=PayoutWallet.objects.get(),
        nonce=0,
        attempt=1,
        tx_hash="0x" + "ef" * 32,
        raw="0x",
        max_fee=1,
        tip=1,
        created_at=timezone.now(),
        error="",
    )
    audit.record(operator=operator, action="test", object_type="test", object_id="1")
    samples.take_sample()
    samples.sum_up_lately()
    halts.start(kind="open", index_id=desk.index.id, reason="busy", operator="proposer")
    alert("busy", "Busy", "A little of everything.")
    return trader


def page(model: type[Model], name: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def test_every_model_of_ours_is_registered() -> None:
    own = {config.label for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR}
    ours = {model for model in apps.get_models() if model._meta.app_label in own}
    assert ours <= set(REGISTERED)
    assert {model._meta.label for model in ours} - MONEY == WRITTEN


# What a column or a field is called by in any language.
NAMES = re.compile(r"\b(USDT|IP|ID|Id|[Nn]once|wei|iOS|Android)\b")


def named(response: Any) -> set[str]:
    """The words of a page's columns, fields and filters."""
    found = re.findall(r"<(th|label|h3)\b(?![^>]*\bfield-)[^>]*>(.*?)</\1>", response.content.decode(), re.S)
    symbols = r"<span[^>]*material-symbols[^>]*>[^<]*</span>"
    return {html.unescape(re.sub(r"<[^>]+>", "", re.sub(symbols, "", inner))).strip() for _tag, inner in found}


def test_every_list_and_row_opens(busy: Trader, admin_client: Browser) -> None:
    """In Chinese; with searches that find and searches that hurt."""
    empty = set()
    for model in REGISTERED:
        for query in ({}, {"q": "1"}, {"q": "x'\"%\\"}, {"q": "\0"}, {"q": busy.wallet.address}, {"p": "9"}):
            response = admin_client.get(page(model, "changelist"), query)
            assert response.status_code == 200, (model, query)
            left = {words for words in named(response) if re.search(r"[a-z]{2}", NAMES.sub("", words))}
            assert not left, (model, left)
        row = model._default_manager.first()
        if row is None:
            empty.add(model._meta.label)
        else:
            response = admin_client.get(page(model, "change", quote(row.pk)))
            assert response.status_code == 200, model
            left = {words for words in named(response) if re.search(r"[a-z]{2}", NAMES.sub("", words))}
            assert not left, (model, left)
    assert not empty & (MONEY | WRITTEN)


def test_a_row_is_found_by_what_an_operator_knows(busy: Trader, admin_client: Browser) -> None:
    for model in (
        Client,
        Order,
        Position,
        Fill,
        PaymentOrder,
        ChainTransfer,
        FundOrder,
        FundReward,
        Miner,
        PowerReward,
    ):
        found = admin_client.get(page(model, "changelist"), {"q": busy.wallet.address}).context["cl"]
        assert found.result_count == len(list(found.result_list)) > 0, model
        nobody = admin_client.get(page(model, "changelist"), {"q": Wallet().address}).context["cl"]
        assert nobody.result_count == 0, model


def test_every_scheduled_job_says_what_it_does() -> None:
    assert WHAT_JOBS_DO.keys() == settings.CELERY_BEAT_SCHEDULE.keys()


def test_pages_speak_both_languages(busy: Trader, admin_client: Browser) -> None:
    for language, word in (("zh-hans", "转账"), ("en", "transfers")):
        response = admin_client.get(page(Transfer, "changelist"), headers={"accept-language": language})
        assert word in response.content.decode()


def test_rights_are_in_words(admin_client: Browser) -> None:
    form = admin_client.get(page(Group, "add")).content.decode()
    for right in ("账户 | 客户 | 可封禁客户，并提议或批准解除封禁", "账本 | 转账 | 查看"):
        assert right in form
    assert "Can " not in form


def test_amounts_stand_in_groups_of_three_digits(busy: Trader, admin_client: Browser) -> None:
    amount = Transfer.objects.order_by("-amount")[0].amount
    assert amount >= 1000
    assert f"{amount:,}" in admin_client.get(page(Transfer, "changelist"), {"o": "-6"}).content.decode()


@pytest.mark.parametrize("label", sorted(MONEY))
def test_nobody_writes_it_by_hand(busy: Trader, admin_client: Browser, label: str) -> None:
    """Not even a superuser, and not by posting to the pages that do not show a button."""
    model = apps.get_model(label)
    row = model._default_manager.first()
    assert row is not None
    before = state()
    key = quote(row.pk)
    assert admin_client.get(page(model, "add")).status_code == 403
    assert admin_client.post(page(model, "add"), {}).status_code == 403
    assert admin_client.post(page(model, "change", key), {"balance": "1", "amount": "1"}).status_code == 403
    assert admin_client.get(page(model, "delete", key)).status_code == 403
    assert admin_client.post(page(model, "delete", key), {"post": "yes"}).status_code == 403
    deletion = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    admin_client.post(page(model, "changelist"), deletion)
    after = state()
    assert {table for table in before if before[table] != after[table]} <= {"django_session"}


def test_clients_open_no_page(busy: Trader) -> None:
    browser = busy.api()
    for path in ["/admin/", *(page(model, "changelist") for model in REGISTERED)]:
        response = browser.get(path)
        assert response.status_code == 302, path
        assert response["Location"].startswith("/admin/login/")


def test_operators_are_no_clients(admin_client: Browser) -> None:
    for path in SIGNED_IN:
        assert admin_client.get(ROOT + path).status_code == 401
    for path in POSTS:
        if not path.startswith("auth/"):
            assert admin_client.post(ROOT + path, {}).status_code == 401
    home = admin_client.get(ROOT + "index/index").json()
    assert home["data"]["my"]["address"] is None


def test_an_operator_without_rights_sees_nothing(busy: Trader, django_user_model: Any) -> None:
    operator = django_user_model.objects.create_user("watcher", password="x", is_staff=True)
    browser = Browser()
    browser.force_login(operator)
    for model in REGISTERED:
        assert browser.get(page(model, "changelist")).status_code == 403


def test_passwords_are_not_tried_without_end(db: None, settings: Any, django_user_model: Any) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "operator_name": (10, 86_400)}
    django_user_model.objects.create_superuser("watched", password="correct horse battery")
    tries = {"username": "watched", "password": "wrong"}
    client = Browser()
    answers = [client.post("/admin/login/", tries) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert client.post("/admin/login/", {**tries, "password": "correct horse battery"}).status_code == 429
    assert client.get("/admin/login/").status_code == 200
