"""Wallets that sign for real, without a node."""

from eth_account import Account
from eth_account.messages import encode_defunct

from accounts import services
from accounts.tokens import IssuedToken

IP = "198.51.100.7"


class Wallet:
    """A fresh key. `address` is EIP-55."""

    def __init__(self) -> None:
        self._account = Account.create()
        self.address: str = self._account.address
        self.key = "0x" + bytes(self._account.key).hex()

    def sign(self, message: str) -> str:
        """personal_sign: 0x and 130 hex digits."""
        return "0x" + bytes(self._account.sign_message(encode_defunct(text=message)).signature).hex()

    def sign_in(self, ip: str = IP) -> IssuedToken:
        """Asks for a nonce, signs its message, and brings it back."""
        nonce = services.issue_nonce(address=self.address, ip=ip)
        return services.sign_in(address=self.address, signature=self.sign(nonce.message), ip=ip)
