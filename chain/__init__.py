"""The chain: node, token and wallets. The only room that knows web3."""
