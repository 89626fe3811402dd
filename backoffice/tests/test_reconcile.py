"""The scheduled check of the books stops withdrawals where they do not agree."""

from decimal import Decimal
from typing import Any

import pytest

from backoffice.tasks import reconcile
from chain import development
from chain.node import Node
from common.errors import Refused
from operations.models import Alert, Halt
from payments import services
from payments.tests.conftest import Payer, chain, confirm, new_payer, payer, token

__all__ = ["chain", "new_payer", "payer", "token"]


@pytest.mark.usefixtures("committed")
def test_a_difference_halts_withdrawals(settings: Any, chain: Node, payer: Payer) -> None:
    payer.pay("10")
    confirm()
    assert reconcile() == 0
    assert not Halt.objects.exists()
    settings.CHAIN_RECEIVING_ADDRESS = settings.CHAIN_HOT_WALLET_ADDRESS = development.fresh_wallet().address
    for _ in range(2):
        assert reconcile() == 1
    halt = Halt.objects.get()
    assert (halt.kind, halt.started_by) == ("withdraw", "reconcile")
    assert Alert.objects.filter(key="reconcile").count() == 1
    with pytest.raises(Refused) as refusal:
        services.request_withdrawal(client_id=payer.client.id, amount=Decimal(10))
    assert refusal.value.reason == "halted"
