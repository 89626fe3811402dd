"""What reads clients."""

from dataclasses import dataclass

from accounts.models import Client


def client_by_address(address: str) -> Client | None:
    """The client of a wallet address, in any case."""
    return Client.objects.filter(address__iexact=address).first()


@dataclass(frozen=True, slots=True)
class Claimant:
    """Whom a request without a token claims to come from."""

    id: int
    is_banned: bool


def claimant(address: object) -> Claimant | None:
    """The client of an address as it was sent, whatever that is; None where there is no such client."""
    if not isinstance(address, str) or len(address) > 64 or "\x00" in address:
        return None
    found = Client.objects.filter(address__iexact=address.strip()).values_list("id", "banned_at").first()
    return None if found is None else Claimant(found[0], found[1] is not None)
