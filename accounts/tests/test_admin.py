"""Clients in the back office."""

import pytest
from django.test import Client as Browser

from accounts import services
from accounts.tests.wallets import Wallet

CLIENTS = "/admin/accounts/client/"


@pytest.mark.django_db
def test_clients_are_found_by_address_and_written_by_nobody(admin_client: Browser):
    wallet, other = Wallet(), Wallet()
    client = services.open_client(address=wallet.address)
    services.open_client(address=other.address)
    for written in (wallet.address.lower(), wallet.address.upper(), wallet.address[5:20]):
        page = admin_client.get(CLIENTS, {"q": written}).content.decode()
        assert wallet.address in page
        assert other.address not in page
    assert admin_client.get(f"{CLIENTS}{client.id}/change/").status_code == 200
    assert admin_client.get(f"{CLIENTS}add/").status_code == 403
    assert admin_client.post(f"{CLIENTS}{client.id}/delete/", {"post": "yes"}).status_code == 403
