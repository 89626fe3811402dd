"""Sign-in by signature, at the service."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import queries, services, tasks
from accounts.authentication import authenticate_token
from accounts.models import Client, Nonce, RevokedToken
from accounts.tests.wallets import IP, Wallet
from accounts.tokens import IssuedToken
from chain import development
from common.errors import Refused, Unauthenticated
from ledger.accounts import ClientAccount, account_id
from ledger.models import Account

ELSEWHERE = "203.0.113.9"
CLOSED_PORT = "http://127.0.0.1:9"


def refused(wallet: Wallet, signature: str, ip: str = IP) -> None:
    """The signature is not taken, and nothing has changed."""
    before = Nonce.objects.count(), Client.objects.count()
    with pytest.raises(Unauthenticated):
        services.sign_in(address=wallet.address, signature=signature, ip=ip)
    assert (Nonce.objects.count(), Client.objects.count()) == before


@pytest.mark.django_db
class TestNonce:
    def test_is_an_eip_4361_message_for_five_minutes(self, settings):
        wallet = Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        assert len(bytes.fromhex(nonce.nonce)) == 20
        left = nonce.expires_at - timezone.now()
        assert timedelta(minutes=4, seconds=50) < left <= timedelta(minutes=5)
        lines = nonce.message.split("\n")
        assert lines[0] == f"{settings.SITE_DOMAIN} wants you to sign in with your Ethereum account:"
        assert lines[1] == wallet.address
        assert f"Chain ID: {settings.CHAIN_ID}" in lines
        assert f"Nonce: {nonce.nonce}" in lines

    def test_several_live_side_by_side(self):
        wallet = Wallet()
        nonces = [services.issue_nonce(address=wallet.address, ip=IP) for _ in range(3)]
        assert len({nonce.nonce for nonce in nonces}) == 3
        for nonce in nonces:
            assert services.sign_in(address=wallet.address, signature=wallet.sign(nonce.message), ip=IP)
        assert Client.objects.count() == 1


@pytest.mark.django_db
class TestSignIn:
    @pytest.mark.parametrize("form", ["message", "nonce"])
    def test_takes_both_forms_and_opens_the_client(self, form):
        wallet = Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        issued = services.sign_in(address=wallet.address, signature=wallet.sign(getattr(nonce, form)), ip=IP)
        client, claims = authenticate_token(issued.access_token)
        assert client.address == wallet.address
        assert claims["exp"] == issued.expired_at
        stored = Client.objects.get()
        assert stored.id == client.id
        assert stored.last_sign_in_at is not None
        kinds = Account.objects.filter(client_id=client.id).values_list("id", flat=True)
        assert sorted(kinds) == [account_id(client.id, kind) for kind in ClientAccount]

    def test_again_is_the_same_client(self):
        wallet = Wallet()
        first = authenticate_token(wallet.sign_in().access_token)[0]
        assert authenticate_token(wallet.sign_in().access_token)[0] == first

    def test_a_client_opened_before_is_found_in_any_case(self):
        wallet = Wallet()
        opened = Client.objects.create(address=wallet.address.lower())
        assert authenticate_token(wallet.sign_in().access_token)[0].id == opened.id

    def test_a_nonce_serves_once(self):
        wallet = Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        signature = wallet.sign(nonce.message)
        services.sign_in(address=wallet.address, signature=signature, ip=IP)
        refused(wallet, signature)
        # Nor does its other form, nor its signature for another live nonce.
        refused(wallet, wallet.sign(nonce.nonce))
        services.issue_nonce(address=wallet.address, ip=IP)
        refused(wallet, signature)

    def test_a_late_signature_is_refused(self):
        wallet = Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        Nonce.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        refused(wallet, wallet.sign(nonce.message))

    def test_wrong_signatures_use_no_nonce_up(self):
        wallet, stranger = Wallet(), Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        right = wallet.sign(nonce.message)
        refused(wallet, stranger.sign(nonce.message))
        refused(wallet, wallet.sign(nonce.message + " "))
        refused(wallet, wallet.sign(stranger.address))
        for broken in (
            "",
            "0x",
            right[2:],
            right[:-2],
            right + "00",
            right[:-2] + "1d",
            "0x" + "0" * 130,
            "０" + right[1:],
        ):
            refused(wallet, broken)
        # The second form of the same signature (EIP-2).
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        flipped = f"{right[:66]}{order - int(right[66:130], 16):064x}{55 - int(right[130:], 16):02x}"
        refused(wallet, flipped)
        assert services.sign_in(address=wallet.address, signature=right, ip=IP)

    def test_a_signature_is_for_its_own_address(self):
        wallet, victim = Wallet(), Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        services.issue_nonce(address=victim.address, ip=IP)
        refused(victim, wallet.sign(nonce.message))

    def test_a_flood_from_elsewhere_locks_nobody_out(self):
        wallet = Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        template = {"address": wallet.address, "message": nonce.message, "expires_at": nonce.expires_at}
        Nonce.objects.bulk_create(
            Nonce(nonce=f"{number:040x}", ip=f"203.0.113.{number % 250}", **template) for number in range(5000)
        )
        assert services.sign_in(address=wallet.address, signature=wallet.sign(nonce.nonce), ip=IP)

    def test_a_wallet_that_moved_to_another_ip_still_signs_in(self):
        wallet = Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        services.issue_nonce(address=wallet.address, ip=ELSEWHERE)
        assert services.sign_in(address=wallet.address, signature=wallet.sign(nonce.message), ip=ELSEWHERE)


@pytest.mark.django_db
class TestContractWallet:
    def test_signs_in_by_eip_1271(self):
        owner = development.fresh_wallet()
        address = development.deploy_wallet(owner.key)
        for form in ("message", "nonce"):
            nonce = services.issue_nonce(address=address, ip=IP)
            signature = development.personal_sign(owner.key, getattr(nonce, form))
            issued = services.sign_in(address=address, signature=signature, ip=IP)
            assert authenticate_token(issued.access_token)[0].address == address
            with pytest.raises(Unauthenticated):
                services.sign_in(address=address, signature=signature, ip=IP)

    def test_refuses_a_stranger(self):
        address = development.deploy_wallet(development.fresh_wallet().key)
        nonce = services.issue_nonce(address=address, ip=IP)
        with pytest.raises(Unauthenticated):
            services.sign_in(address=address, signature=Wallet().sign(nonce.message), ip=IP)
        assert Nonce.objects.count() == 1

    def test_without_a_node_only_contracts_wait(self, settings):
        settings.CHAIN_RPC_URL = CLOSED_PORT
        wallet = Wallet()
        assert wallet.sign_in()
        # What no contract could take is wrong, node or not; so is everything where no nonce is live.
        refused(wallet, Wallet().sign("anything"))
        services.issue_nonce(address=wallet.address, ip=IP)
        refused(wallet, "no signature")
        with pytest.raises(Refused) as error:
            services.sign_in(address=wallet.address, signature=Wallet().sign("anything"), ip=IP)
        assert error.value.reason == "chain_unavailable"


def at_once(count: int, work: Callable[[int], IssuedToken]) -> list[IssuedToken | Unauthenticated]:
    """What `work(number)` gives or raises in that many threads that start together."""
    barrier = threading.Barrier(count)

    def run(number: int) -> IssuedToken | Unauthenticated:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            return work(number)
        except Unauthenticated as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.usefixtures("committed")
class TestAtOnce:
    def test_a_nonce_serves_once(self):
        wallet = Wallet()
        nonce = services.issue_nonce(address=wallet.address, ip=IP)
        signatures = [wallet.sign(nonce.message), wallet.sign(nonce.nonce)]
        found = at_once(
            8,
            lambda number: services.sign_in(address=wallet.address, signature=signatures[number % 2], ip=IP),
        )
        assert sum(not isinstance(answer, Unauthenticated) for answer in found) == 1

    def test_first_sign_ins_make_one_client(self):
        wallet = Wallet()
        found = at_once(8, lambda number: wallet.sign_in())
        tokens = [issued.access_token for issued in found if isinstance(issued, IssuedToken)]
        assert len(tokens) == 8
        clients = {authenticate_token(token)[0] for token in tokens}
        assert len(clients) == 1
        assert Account.objects.filter(client_id=clients.pop().id).count() == len(ClientAccount)

    def test_a_token_is_refreshed_once(self):
        claims = authenticate_token(Wallet().sign_in().access_token)[1]
        found = at_once(8, lambda number: services.refresh(claims))
        assert sum(not isinstance(answer, Unauthenticated) for answer in found) == 1


@pytest.mark.django_db
class TestClients:
    def test_are_found_by_address_in_any_case(self):
        wallet = Wallet()
        client = services.open_client(address=wallet.address)
        for written in (wallet.address, wallet.address.lower(), "0x" + wallet.address[2:].upper()):
            assert queries.client_by_address(written) == client
        assert queries.client_by_address(Wallet().address) is None

    def test_the_database_refuses_the_same_address_in_another_case(self):
        wallet = Wallet()
        Client.objects.create(address=wallet.address)
        for address in (wallet.address.lower(), "nonsense"):
            with pytest.raises(IntegrityError), transaction.atomic():
                Client.objects.create(address=address)


@pytest.mark.django_db
def test_prune_forgets_only_what_no_longer_matters():
    now = timezone.now()
    wallet = Wallet()
    live = services.issue_nonce(address=wallet.address, ip=IP)
    late = services.issue_nonce(address=wallet.address, ip=IP)
    Nonce.objects.filter(nonce=late.nonce).update(expires_at=now - timedelta(seconds=1))
    RevokedToken.objects.create(jti="live", expires_at=now + timedelta(hours=1))
    RevokedToken.objects.create(jti="just expired", expires_at=now)
    RevokedToken.objects.create(jti="expired", expires_at=now - timedelta(hours=2))
    assert tasks.prune() == 2
    assert [nonce.nonce for nonce in Nonce.objects.all()] == [live.nonce]
    assert set(RevokedToken.objects.values_list("jti", flat=True)) == {"live", "just expired"}
    assert tasks.prune() == 0
