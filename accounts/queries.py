"""What reads clients."""

from accounts.models import Client


def client_by_address(address: str) -> Client | None:
    """The client of a wallet address, in any case."""
    return Client.objects.filter(address__iexact=address).first()


def address_of(client_id: int) -> str:
    """A client's wallet address with its EIP-55 checksum. Raises Client.DoesNotExist."""
    return Client.objects.values_list("address", flat=True).get(id=client_id)
