"""What each group of operators sees and may do, on every page of the back office."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission, User
from django.db import IntegrityError, connection, transaction
from django.test import Client as Browser
from django.urls import reverse
from django.utils import translation

from accounts import bans
from accounts.models import Client
from backoffice import groups
from contracts.models import Order
from contracts.tests.desk import Desk
from operations import approvals
from operations.models import Approval, AuditEntry, Halt
from operations.wording import Change, action_in_words, changes
from popups.models import Popup
from tests.conftest import Trader
from tests.test_admin import REGISTERED, busy, page  # noqa: F401 -- `busy` is a fixture

GROUPS = ("operations", "risk", "finance", "auditor")
# a add, c change, d delete.
WRITES: dict[str, dict[str, str]] = {
    "operations": {
        "popups.Popup": "acd",
        "operations.Halt": "a",
        "django_celery_beat.PeriodicTask": "c",
        "django_celery_beat.IntervalSchedule": "a",
        "django_celery_beat.CrontabSchedule": "a",
    },
    "risk": {"indexes.Index": "ac", "indexes.Basket": "acd", "operations.Halt": "a"},
    "finance": {"funds.Product": "ac", "funds.ReserveTopUp": "a", "payments.Correction": "a"},
    "auditor": {},
}
# Lists that are not for everybody.
ONLY = {
    label: {"auditor"}
    for label in (
        *("operations.AuditEntry", "operations.KeptAnswer", "accounts.Nonce", "accounts.RevokedToken"),
        *("auth.User", "auth.Group", "otp_totp.TOTPDevice"),
    )
}
# The actions of lists, by the groups that may.
ACTIONS = {
    "accounts.Client": {"ban": {"operations", "risk"}, "unban": {"operations", "risk"}},
    "operations.Halt": {"lift": {"operations", "risk"}},
    "operations.Approval": {name: {"operations", "risk", "finance"} for name in ("approve", "reject")},
    "payments.ChainTransfer": {name: {"operations", "finance"} for name in ("assign", "refund", "reverse")},
    "payments.Withdrawal": {name: {"risk", "finance"} for name in ("approve", "reject")},
    "operations.JobRun": {"run_again": {"operations", "finance"}},
    "contracts.Order": {"retry": {"operations", "risk"}},
    "contracts.Position": {"retry": {"operations", "risk"}, "close": {"risk"}},
}


def operator(group: str, name: str = "") -> User:
    user = User.objects.create_user(name or f"of {group}", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def sees(group: str, label: str) -> bool:
    return group in ONLY.get(label, GROUPS)


def test_the_groups_are_there_and_have_exactly_their_rights(db: None) -> None:
    assert set(GROUPS) == set(Group.objects.values_list("name", flat=True)) == set(groups.RIGHTS)
    known = {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")}
    for name in GROUPS:
        has = Group.objects.get(name=name).permissions.select_related("content_type")
        found = {f"{p.content_type.app_label}.{p.codename}" for p in has}
        assert groups.wanted(name) <= known
        assert found == groups.wanted(name)
        # Nobody but a superuser makes operators or gives rights.
        assert not {right for right in found if right.startswith(("auth.", "otp_totp.")) and ".view_" not in right}


def test_what_was_changed_by_hand_is_put_right_by_a_migration(db: None) -> None:
    group = Group.objects.get(name="auditor")
    group.permissions.set(Permission.objects.filter(codename="change_user"))
    groups.establish("default")
    assert not group.permissions.filter(codename="change_user").exists()
    assert group.permissions.filter(codename="view_transfer").exists()


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.django_db
def test_every_list_form_action_and_export(busy: Trader, group: str) -> None:  # noqa: F811
    browser = browser_of(operator(group))
    for model in REGISTERED:
        label = model._meta.label
        writes = WRITES[group].get(label, "")
        response = browser.get(page(model, "changelist"))
        assert response.status_code == (200 if sees(group, label) else 403), label
        actions = ACTIONS.get(label, {})
        if response.status_code == 200:
            shown = (
                {name for name, _text in response.context["action_form"].fields["action"].choices if name}
                if (response.context.get("action_form"))
                else set()
            )
            assert shown == {name for name, who in actions.items() if group in who}, label
        assert browser.get(page(model, "add")).status_code == (200 if "a" in writes else 403), label
        if row := model._default_manager.first():
            key = quote(row.pk)
            assert browser.get(page(model, "change", key)).status_code == (200 if sees(group, label) else 403), label
            saves = browser.post(page(model, "change", key), {}).status_code == 200
            # A basket in effect is nobody's to change.
            assert saves == ("c" in writes and label != "indexes.Basket"), label
            deletes = browser.get(page(model, "delete", key)).status_code == 200
            assert deletes == ("d" in writes and label != "indexes.Basket"), label
        exported = browser.get(reverse("admin:export", args=[model._meta.app_label, model._meta.model_name]))
        assert exported.status_code == (200 if sees(group, label) else 403), label
        if exported.status_code == 200:
            lines = b"".join(exported.streaming_content).decode("utf-8-sig").splitlines()
            assert len(lines) >= 1 + int(exported["X-Total-Rows"]), label
    client = Client.objects.get(address=busy.wallet.address)
    assert browser.get(reverse("admin:statement", args=[client.pk])).status_code == 200
    for name in ("ban_one", "unban_one"):
        path = reverse(f"admin:accounts_client_{name}", args=[client.pk])
        allowed = group in ("operations", "risk")
        assert (browser.get(path).status_code == 200) is allowed, name


def test_the_table_of_this_test_knows_every_action(db: None, rf: Any) -> None:
    request = rf.get("/")
    request.user = User.objects.create_superuser("all")
    for model in REGISTERED:
        found = set(admin.site._registry[model].get_actions(request))
        assert found == set(ACTIONS.get(model._meta.label, {})), model
    assert set(WRITES["risk"]) <= {model._meta.label for model in apps.get_models()}


def test_nothing_is_deleted_in_bulk(busy: Trader, admin_client: Browser) -> None:  # noqa: F811
    for model in REGISTERED:
        rows = list(model._default_manager.values_list("pk", flat=True))
        deletion = {"action": "delete_selected", "_selected_action": rows, "post": "yes"}
        admin_client.post(page(model, "changelist"), deletion)
        assert model._default_manager.filter(pk__in=rows).count() == len(rows), model


class TestBans:
    def act(self, browser: Browser, action: str, client: Client, reason: str = "wash trading") -> str:
        form = {"action": action, "_selected_action": [client.pk], "reason": reason}
        return browser.post(page(Client, "changelist"), form, follow=True).content.decode()

    def test_a_ban_needs_a_reason_and_its_end_two_operators(self, busy: Trader) -> None:  # noqa: F811
        client = Client.objects.get(address=busy.wallet.address)
        first, second = operator("risk", "first"), operator("operations", "second")
        assert "须填写原因" in self.act(browser_of(first), "ban", client, " ")
        self.act(browser_of(first), "ban", client)
        client.refresh_from_db()
        assert (client.banned_by, client.ban_reason) == ("first", "wash trading")
        assert not Order.objects.filter(client=client, status="pending").exists()
        assert busy.get("contract/orders")["code"] == 666

        self.act(browser_of(first), "unban", client, "a mistake")
        approval = Approval.objects.get(kind="client.unban")
        for who in (first, operator("finance")):
            form = {"action": "approve", "_selected_action": [approval.pk], "reason": "right"}
            browser_of(who).post(page(Approval, "changelist"), form)
            assert busy.get("contract/orders")["code"] == 666
        browser_of(second).post(page(Approval, "changelist"), form)
        assert busy.get("contract/orders")["code"] == 200
        words = ["client.ban", "client.unban.propose", "client.unban.approve"]
        assert (
            list(AuditEntry.objects.filter(action__in=words).order_by("id").values_list("action", flat=True)) == words
        )

    def test_on_the_clients_own_page(self, busy: Trader) -> None:  # noqa: F811
        client = Client.objects.get(address=busy.wallet.address)
        browser = browser_of(operator("risk"))
        text = browser.get(page(Client, "change", client.pk)).content.decode()
        assert "委托冻结" in text
        path = reverse("admin:accounts_client_ban_one", args=[client.pk])
        assert browser.post(path, {"reason": ""}).status_code == 200
        assert browser.post(path, {"reason": "wash trading"}).status_code == 302
        client.refresh_from_db()
        assert client.banned_at is not None

    @pytest.mark.parametrize("superuser", [False, True])
    def test_the_database_refuses_that_one_approves_its_own(self, busy: Trader, superuser: bool) -> None:  # noqa: F811
        who = User.objects.create_superuser("one") if superuser else operator("risk", "one")
        approval = approvals.propose(
            kind="client.unban", object_type="accounts.Client", object_id=1, proposal={}, reason="x", operator=who
        )
        with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE operations_approval SET status = 'approved', decided_by_id = %s, decided_at = now() "
                "WHERE id = %s",
                [who.pk, approval.pk],
            )


class TestAudit:
    def test_what_was_before_and_what_is_after(self, busy: Trader) -> None:  # noqa: F811
        who = operator("operations")
        browser = browser_of(who)
        popup = Popup.objects.get()
        form = {
            "kind": "notice",
            "title": "new",
            "content": "y",
            "buttons": "[]",
            "is_cancel": "on",
            "starts_at_0": "2026-01-01",
            "starts_at_1": "00:00:00",
        }
        assert browser.post(page(Popup, "change", popup.pk), form).status_code == 302
        entry = AuditEntry.objects.get(action="popup.change")
        assert (entry.operator, entry.object_type, entry.object_id) == (who, "popups.Popup", str(popup.pk))
        assert (entry.before["title"], entry.after["title"]) == ("x", "new")
        assert "content" not in entry.after
        assert browser.post(page(Popup, "delete", popup.pk), {"post": "yes"}).status_code == 302
        entry = AuditEntry.objects.get(action="popup.delete")
        assert (entry.before["title"], entry.after) == ("new", None)

    def test_halts(self, db: None) -> None:
        browser = browser_of(operator("risk"))
        assert browser.post(page(Halt, "add"), {"kind": "open", "index_id": "", "reason": "news"}).status_code == 302
        halt = Halt.objects.get()
        again = browser.post(page(Halt, "add"), {"kind": "open", "index_id": "", "reason": "more news"})
        assert "已处于暂停状态" in again.content.decode()
        assert AuditEntry.objects.get().reason == Halt.objects.get().reason == "news"
        browser.post(page(Halt, "changelist"), {"action": "lift", "_selected_action": [halt.pk]})
        halt.refresh_from_db()
        assert halt.lifted_by == "of risk"
        assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == ["halt.add", "halt.lift"]

    def test_a_halt_is_for_an_index_by_name_or_for_every_one(self, desk: Desk) -> None:
        browser = browser_of(operator("risk"))
        form = browser.get(page(Halt, "add"), headers={"accept-language": "en"}).content.decode()
        assert "every index" in form
        assert desk.index.title in form
        chosen = {"kind": "all", "index_id": desk.index.pk, "reason": "a bad venue"}
        assert browser.post(page(Halt, "add"), {**chosen, "index_id": "77"}).status_code == 200
        assert browser.post(page(Halt, "add"), chosen).status_code == 302
        assert Halt.objects.get().index_id == desk.index.pk
        assert desk.index.title in browser.get(page(Halt, "changelist")).content.decode()

    def test_it_is_in_words(self, busy: Trader) -> None:  # noqa: F811
        client = Client.objects.get(address=busy.wallet.address)
        bans.ban(client_id=client.pk, operator=operator("risk"), reason="wash trading")
        bans.propose_unban(client_id=client.pk, operator=operator("risk", "other"), reason="a mistake")
        browser = browser_of(operator("auditor"))
        shown = browser.get(page(AuditEntry, "changelist")).content.decode()
        assert "client.ban" not in re.sub(r"\?action=[^\"]+", "", shown)
        for words in ("客户: 封禁", "解除封禁: 提议", page(Client, "change", client.pk)):
            assert words in shown
        chosen = browser.get(page(AuditEntry, "changelist"), {"action": "client.ban"})
        assert [row.action for row in chosen.context["cl"].result_list] == ["client.ban"]

    @pytest.mark.parametrize(
        ("action", "words"),
        [
            ("configuration.change", "参数配置: 修改"),
            ("export", "导出"),
            ("payment_reverse.approve", "冲正已入账付款: 批准"),
            ("position.close", "仓位: 平仓"),
            ("something.new", "something: new"),
        ],
    )
    def test_every_action_has_words(self, action: str, words: str) -> None:
        with translation.override("zh-hans"):
            assert action_in_words(action) == words

    def test_before_and_after_are_in_words(self) -> None:
        entry = AuditEntry(
            object_type="popups.Popup",
            before={"title": "旧", "enabled": False, "kind": "notice"},
            after={
                "title": "新",
                "enabled": True,
                "kind": "ban",
                "platforms": ["ios", "web"],
                "other": [{"symbol": None}],
            },
        )
        with translation.override("zh-hans"):
            assert changes(entry) == [
                Change("标题", "旧", "新"),
                Change("启用", "否", "是"),
                Change("类型", "公告", "封禁"),
                Change("平台", "-", "iOS, 网页"),
                Change("other", "-", "交易对 -"),
            ]
            unknown = AuditEntry(object_type="configuration", before=None, after={"FEE": "0.1", "MINIMUM_PAYMENT": "5"})
            named = Change("最低充值金额（USDT），0.000001 至 1,000,000", "-", "5")
            assert changes(unknown) == [Change("FEE", "-", "0.1"), named]
        assert changes(AuditEntry(object_type="export")) == []

    def test_passwords_are_not_in_it(self, admin_client: Browser, admin_user: User) -> None:
        form = {"username": "new", "password1": "correct horse battery", "password2": "correct horse battery"}
        assert admin_client.post(page(User, "add"), {**form, "usable_password": "true"}).status_code == 302
        assert "password" not in AuditEntry.objects.get(action="user.add").after
        new = User.objects.get(username="new")
        assert (new.is_staff, new.is_superuser) == (True, False)
        path = f"/admin/auth/user/{new.pk}/password/"
        changed = {"password1": "another horse battery", "password2": "another horse battery"}
        assert admin_client.post(path, {**changed, "usable_password": "true"}).status_code == 302
        assert AuditEntry.objects.filter(action="user.change").exists()
        assert "horse" not in str(list(AuditEntry.objects.values()))

    def test_exports(self, busy: Trader) -> None:  # noqa: F811
        browser = browser_of(operator("finance"))
        browser.get(reverse("admin:export", args=["ledger", "transfer"]), {"kind__exact": "deposit"})
        assert AuditEntry.objects.get(action="export").after["filters"] == {"kind__exact": "deposit"}
