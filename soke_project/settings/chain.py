"""The EVM chain and its token."""

from soke_project.settings.environment import DEVELOPMENT, env, required

DEVELOPMENT_CHAIN_ID = 31337
CHAIN_RPC_URL = required("CHAIN_RPC_URL")
CHAIN_ID = env.int("CHAIN_ID", DEVELOPMENT_CHAIN_ID) if DEVELOPMENT else int(required("CHAIN_ID"))

if CHAIN_ID == DEVELOPMENT_CHAIN_ID:
    # The first contract of anvil's account 0, and its account 1.
    CHAIN_TOKEN_ADDRESS = env.str("CHAIN_TOKEN_ADDRESS", "0x5FbDB2315678afecb367f032d93F642f64180aa3")
    CHAIN_RECEIVING_ADDRESS = env.str("CHAIN_RECEIVING_ADDRESS", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
    # Account 0 itself.
    CHAIN_TREASURY_ADDRESS = env.str("CHAIN_TREASURY_ADDRESS", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    CHAIN_CONFIRMATIONS = env.int("CHAIN_CONFIRMATIONS", 2)
else:
    CHAIN_TOKEN_ADDRESS = required("CHAIN_TOKEN_ADDRESS")
    CHAIN_RECEIVING_ADDRESS = required("CHAIN_RECEIVING_ADDRESS")
    # The platform's own wallet, whose transfers top up the fund reserve; none by default.
    CHAIN_TREASURY_ADDRESS = env.str("CHAIN_TREASURY_ADDRESS", "")
    CHAIN_CONFIRMATIONS = env.int("CHAIN_CONFIRMATIONS", 12)

# The first block that the scanner reads: the token's deployment or later.
CHAIN_START_BLOCK = env.int("CHAIN_START_BLOCK", 0)
PAYMENT_ORDER_MINUTES = env.int("SOKE_PAYMENT_ORDER_MINUTES", 30)
MINIMUM_PAYMENT = env.str("SOKE_MINIMUM_PAYMENT", "1")
