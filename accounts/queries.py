"""What reads clients."""

from accounts.models import Client


def client_by_address(address: str) -> Client | None:
    """The client of a wallet address, in any case."""
    return Client.objects.filter(address__iexact=address).first()
