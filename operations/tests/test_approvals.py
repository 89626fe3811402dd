"""Four eyes and the audit: what the services refuse, the database refuses too."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connections, transaction
from django.test import Client as Browser
from django.urls import reverse

from common import sql
from common.errors import Refused
from operations import approvals
from operations.approvals import ApprovalKind
from operations.models import Approval, AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was carried out."""
    found: list[str] = []
    kind = ApprovalKind("test", "operations.view_approval", lambda approval: found.append(approval.object_id))
    monkeypatch.setitem(approvals._kinds, "test", kind)
    return found


@pytest.fixture
def first() -> User:
    return User.objects.create_superuser("first", password="x")


@pytest.fixture
def second() -> User:
    return User.objects.create_superuser("second", password="x")


def propose(operator: User, object_id: str = "7") -> Approval:
    return approvals.propose(
        kind="test",
        object_type="thing",
        object_id=object_id,
        proposal={"amount": "1.000000"},
        reason="because",
        operator=operator,
    )


def test_another_operator_approves(done: list[str], first: User, second: User) -> None:
    approval = propose(first)
    assert done == []
    approvals.approve(approval_id=approval.pk, operator=second)
    approval.refresh_from_db()
    assert (approval.status, approval.decided_by, done) == ("approved", second, ["7"])
    entries = AuditEntry.objects.order_by("id").values_list("action", "operator__username", "reason")
    assert list(entries) == [("test.propose", "first", "because"), ("test.approve", "second", "")]
    with pytest.raises(Refused) as refusal:
        approvals.approve(approval_id=approval.pk, operator=second)
    assert refusal.value.reason == "decided_already"
    assert done == ["7"]


def test_nobody_approves_its_own_proposal(done: list[str], first: User) -> None:
    approval = propose(first)
    with pytest.raises(Refused) as refusal:
        approvals.approve(approval_id=approval.pk, operator=first)
    assert refusal.value.reason == "own_proposal"
    # Turning it down is another matter.
    approvals.reject(approval_id=approval.pk, operator=first, reason="a slip")
    approval.refresh_from_db()
    assert (approval.status, done) == ("rejected", [])


def test_who_may_not_may_not(done: list[str], first: User) -> None:
    approval = propose(first)
    nobody = User.objects.create_user("nobody", password="x", is_staff=True)
    for act in (approvals.approve, approvals.reject):
        with pytest.raises(Refused) as refusal:
            act(approval_id=approval.pk, operator=nobody, reason="x")
        assert refusal.value.reason == "not_permitted"
    with pytest.raises(Refused) as refusal:
        propose(nobody, "8")
    assert refusal.value.reason == "not_permitted"
    assert Approval.objects.get().status == "pending"


def test_a_refusal_leaves_it_pending(
    done: list[str], first: User, second: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(approval: Approval) -> None:
        raise Refused("No.", "no")

    monkeypatch.setitem(approvals._kinds, "test", ApprovalKind("test", "operations.view_approval", refuse))
    approval = propose(first)
    with pytest.raises(Refused):
        approvals.approve(approval_id=approval.pk, operator=second)
    approval.refresh_from_db()
    assert approval.status == "pending"


def test_the_same_is_proposed_once(done: list[str], first: User, second: User) -> None:
    propose(first)
    with pytest.raises(Refused) as refusal:
        propose(second)
    assert refusal.value.reason == "proposed_already"
    with pytest.raises(Refused) as refusal:
        approvals.propose(kind="test", object_type="t", object_id=1, proposal={}, reason=" ", operator=first)
    assert refusal.value.reason == "reason_missing"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE operations_approval SET status = 'approved', decided_by_id = proposed_by_id, decided_at = now()",
        "UPDATE operations_approval SET proposed_by_id = {second}",
        "UPDATE operations_approval SET proposal = '{{}}'",
        (
            "INSERT INTO operations_approval (kind, object_type, object_id, proposal, reason, status, proposed_by_id,"
            " decided_by_id, decided_at) VALUES ('test', 't', '9', '{{}}', 'x', 'approved', {first}, {second}, now())"
        ),
        "DELETE FROM operations_approval",
        "UPDATE operations_auditentry SET reason = ''",
        "DELETE FROM operations_auditentry",
        "TRUNCATE operations_auditentry",
        "TRUNCATE operations_approval",
    ],
)
def test_the_database_refuses(statement: str, done: list[str], first: User, second: User) -> None:
    approval = propose(first)
    with pytest.raises(DatabaseError), transaction.atomic():
        sql.execute(statement.format(first=first.pk, second=second.pk))
    approval.refresh_from_db()
    assert (approval.status, approval.proposed_by, approval.decided_by) == ("pending", first, None)
    approvals.reject(approval_id=approval.pk, operator=second, reason="no")
    with pytest.raises(DatabaseError), transaction.atomic():
        sql.execute(
            "UPDATE operations_approval SET status = 'approved', decided_by_id = %s WHERE id = %s",
            [second.pk, approval.pk],
        )
    assert AuditEntry.objects.count() == 2


@pytest.mark.usefixtures("committed")
@pytest.mark.django_db(databases=["default", "owner"])
def test_the_owner_of_the_tables_is_refused_too() -> None:
    user = User.objects.create_superuser("only", password="x")
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO operations_approval (kind, object_type, object_id, proposal, reason, proposed_by_id)"
            " VALUES ('test', 't', '1', '{}', 'x', %s)",
            [user.pk],
        )
        for statement in (
            "UPDATE operations_approval SET status = 'approved', decided_by_id = proposed_by_id, decided_at = now()",
            "DELETE FROM operations_approval",
        ):
            with pytest.raises(DatabaseError):
                cursor.execute(statement)


def test_buttons(done: list[str], first: User, second: User) -> None:
    approval = propose(first)
    path = reverse("admin:operations_approval_changelist")
    pressed = {"action": "approve", "_selected_action": [approval.pk]}
    for operator, expected in ((first, []), (second, ["7"])):
        browser = Browser()
        browser.force_login(operator)
        assert browser.post(path, pressed, follow=True).status_code == 200
        assert done == expected
