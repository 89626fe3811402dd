"""What the owner's document answers, and how a real answer is held against it.

`samples/` are its sample answers as printed. The tables here say what was decided where a sample contradicts the
document's own tables or other calls, and what was added.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted(Path(__file__).parent.glob("samples/*.json"))}

# Types that stand instead of a sample's. Money is text everywhere; one price was printed as a number.
DECIDED: dict[str, dict[str, str]] = {
    "index_index": {
        "data.global.market_pool": "string",
        "data.global.incentive_pool": "string",
        "data.my.market_pledge": "string",
        "data.my.balance": "string",
        "data.my.address": "string or null",
        "data.my.power": "string or null",
        "data.my.market_income": "string",
        "data.my.market_loss": "string",
        "data.my.power_income": "string",
        "data.my.fund_income": "string",
        "data.power.power_pool": "string",
        "data.power.is_open_power": "boolean or null",
    },
    "contract_index_market": {"data.open_price": "string"},
}
# The first is in the document's table, not in its sample.
_POSITION = {"index.id": "integer", **dict.fromkeys(("take_profit", "stop_loss", "closing"), "string or null")}
_PAY = {"data.address": "string", "data.token": "string", "data.chain_id": "integer", "data.expired_at": "integer"}
_BOUGHT = dict.fromkeys(("data[].reason", "data[].matures_at", "data[].early_fee"), "string or null")
ADDED: dict[str, dict[str, str]] = {
    "auth_nonce": {"data.message": "string"},
    "index_index": {"code": "integer"},
    "popup_update": {"code": "integer"},
    "popup_ban": {"code": "integer"},
    "index_recharge_order": _PAY,
    "market_pledge_order": _PAY,
    "index_withdraw": {"data.fee": "string", "data.arrival": "string"},
    "fund_products": {"data[].early_fee": "string or null"},
    "fund_product_buy_order": _PAY,
    "fund_buy_logs": _BOUGHT,
    "fund_redeem_logs": {
        **_BOUGHT,
        "data[].redeemed_amount": "string",
        "data[].fee": "string",
        "data[].bought_at": "string",
    },
    "fund_reward_logs": {"data[].order_id": "integer"},
    "contract_indexes": {
        "data[].contract_size": "string",
        "data[].decimals": "integer",
        "data[].fee_rate": "string",
        "data[].mmr": "string",
        "data[].limits": "object",
        "data[].limits.max_order_volume": "integer",
        "data[].limits.max_position_volume": "integer",
        "data[].limits.max_open_interest": "string",
        "data[].stale": "boolean",
        "data[].halts": "array",
        "data[].simulated": "boolean",
    },
    "contract_index_market": {"data.stale": "boolean"},
    "contract_order_create": {
        "data": "object",
        "data.id": "integer",
        "data.status": "string",
        "data.price": "string",
        "data.fee": "string",
    },
    "contract_position_close": {
        "data": "object",
        "data.id": "integer",
        "data.volume": "integer",
        "data.status": "string",
    },
    "contract_positions": {f"data[].{key}": kind for key, kind in _POSITION.items()},
    "contract_orders": {
        "data[].price": "string or null",
        "data[].status": "string",
        "data[].reason": "string or null",
        # A waiting close is an order too.
        "data[].kind": "string",
        "data[].fill_price": "string or null",
        "data[].message": "string or null",
    },
    "push_market": {"data.stale": "boolean"},
    "push_positions": {f"data[].{key}": kind for key, kind in _POSITION.items()},
}
# Channels that the document does not have; their rows and keys.
_CHANNELS: dict[str, tuple[str, dict[str, str]]] = {
    "push_orders": (
        "data[]",
        {
            **dict.fromkeys(("id", "volume", "trade_volume", "lever", "index.id"), "integer"),
            **dict.fromkeys(("direction", "price_type", "fee", "created_at", "status", "kind"), "string"),
            **dict.fromkeys(("index.title", "index.sub_title"), "string"),
            **dict.fromkeys(("price", "reason", "fill_price"), "string or null"),
            "index": "object",
        },
    ),
    "push_fills": (
        "data[]",
        {
            **dict.fromkeys(("id", "position_id", "volume", "index.id"), "integer"),
            "order_id": "integer or null",
            **dict.fromkeys(("direction", "kind", "price", "notional", "fee", "profit", "created_at"), "string"),
            **dict.fromkeys(("index.title", "index.sub_title"), "string"),
            "index": "object",
        },
    ),
    "push_balance": (
        "data",
        dict.fromkeys(("available", "margin", "order_hold", "withdrawal_hold", "pledge", "fund_principal"), "string"),
    ),
    "push_payments": (
        "data[]",
        {
            **dict.fromkeys(("no", "purpose", "amount", "created_at"), "string"),
            **dict.fromkeys(("status", "confirmations", "confirmations_needed", "expired_at"), "integer"),
            **dict.fromkeys(("reason", "tx_hash"), "string or null"),
        },
    ),
}
_CHANNELS["push_orders.ended"] = _CHANNELS["push_orders"]
for _name, (_path, _kinds) in _CHANNELS.items():
    ADDED[_name] = {"ch": "string", "ts": "integer", "data": "array" if _path.endswith("[]") else "object"}
    ADDED[_name] |= {"data[]": "object"} | {f"{_path}.{_key}": _kind for _key, _kind in _kinds.items()}
MONEY = r"-?\d+\.\d{6}"
PRICE = r"\d+(\.\d{0,3}[1-9])?"
RATIO = r"(?!-0$)-?\d+(\.\d{0,3}[1-9])?"
RATE = r"\d+(\.\d*[1-9])?"
UNIX = r"1\d{9}|2\d{9}"
ID = r"[1-9]\d*"
COUNT = r"\d+"
ADDRESS = r"0x[0-9a-fA-F]{40}"
TEXT = r"(?s).+"
# The written form of every field by its name, as text; numbers with a fraction have none.
FORMS: dict[str, str] = {
    **dict.fromkeys(
        ("market_pool", "incentive_pool", "market_pledge", "balance", "power", "market_income", "market_loss"), MONEY
    ),
    **dict.fromkeys(("power_income", "fund_income", "power_pool", "amount", "fee", "position_amount"), MONEY),
    **dict.fromkeys(
        ("profit_unreal", "max_open_interest", "notional", "unit_price", "reward", "redeemed_amount", "arrival"), MONEY
    ),
    **dict.fromkeys(("available", "margin", "order_hold", "withdrawal_hold", "pledge", "fund_principal"), MONEY),
    **dict.fromkeys(("last_price", "open_price", "today_high", "today_low", "liquidation_price", "price"), PRICE),
    **dict.fromkeys(("take_profit", "stop_loss", "fill_price", "close_price"), PRICE),
    **dict.fromkeys(("quote_change", "profit_rate"), RATIO),
    # A fund's rate, or what a trade came to.
    "profit": f"{RATIO}|{MONEY}",
    **dict.fromkeys(("fee_rate", "mmr", "contract_size", "early_fee"), RATE),
    **dict.fromkeys(("expired_at", "timestamp"), UNIX),
    **dict.fromkeys(("title", "sub_title", "content", "name", "value"), TEXT),
    "type": "url",
    **dict.fromkeys(("address", "token"), ADDRESS),
    **dict.fromkeys(("trade_volume", "position_volume", "total", "count", "decimals"), COUNT),
    **dict.fromkeys(("volume", "lever", "chain_id", "per_page", "current_page", "total_pages"), ID),
    **dict.fromkeys(("max_order_volume", "max_position_volume"), ID),
    **dict.fromkeys(("id", "order_id", "position_id", "total_volume", "period"), ID),
    "remain_volume": COUNT,
    "code": r"200|666|[a-z]+",
    "status_code": "200|666",
    "message": r"(?s).*",
    "nonce": r"[0-9a-f]{40}",
    "access_token": r"[\w-]+\.[\w-]+\.[\w-]+",
    "no": r"(ZHCZ|ZHTX|JZGM|ZSZY)\d{15}",
    "power_rate": r"\d{1,2}|100",
    **dict.fromkeys(("created_at", "matures_at", "bought_at"), r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    "direction": "buy|sell",
    "price_type": "market|limit",
    # Orders have words, payment orders numbers.
    "status": "pending|filled|cancelled|refused|[0-3]",
    "purpose": "deposit|pledge|fund",
    "tx_hash": r"0x[0-9a-f]{64}",
    "confirmations": COUNT,
    "confirmations_needed": ID,
    "reason": r"[a-z_]+",
    "kind": "open|close|liquidation|cap|stop_loss|take_profit|pool_exit",
    "ch": r"index\.(kline\.[a-z]+|market\.[a-z]+|positions)|orders(\.ended)?|fills|balance|payments",
    "ts": r"\d{13}",
}

_ABSENT = object()


def kind_of(value: Any) -> str:
    """JSON's type, integers told from numbers that were written with a fraction."""
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def differences(name: str, real: Any, sample: Any = _ABSENT, path: str = "") -> Iterator[str]:
    """Where an answer is not what the document, the decisions and the additions say; nothing where it is."""
    if not path:
        sample = SAMPLES.get(name, {})
    kinds = DECIDED.get(name, {}).get(path) or (ADDED[name][path] if sample is _ABSENT else kind_of(sample))
    if kind_of(real) not in kinds.split(" or "):
        yield f"{path}: {kind_of(real)} {real!r} instead of {kinds}"
    elif isinstance(real, dict):
        known = sample if isinstance(sample, dict) else {}
        yield from _keys(name, real, known, path)
    elif isinstance(real, list):
        rows = sample if isinstance(sample, list) else []
        if rows and not real:
            yield f"{path}: empty"
        for item in real:
            yield from differences(name, item, rows[0] if rows else _ABSENT, f"{path}[]")
    else:
        yield from unformed(real, path)
    if path == "message" and real != sample:
        yield f"{path}: {real!r} instead of {sample!r}"


def _keys(name: str, real: dict[str, Any], known: dict[str, Any], path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    added = {key.removeprefix(prefix) for key in ADDED.get(name, {}) if key.startswith(prefix)}
    added = {key for key in added if "." not in key and "[" not in key}
    for key in sorted((known.keys() | added) - real.keys()):
        yield f"{prefix}{key}: missing"
    for key in sorted(real.keys() - known.keys() - added):
        yield f"{prefix}{key}: not in the document"
    for key in sorted(real.keys() & (known.keys() | added)):
        yield from differences(name, real[key], known.get(key, _ABSENT), f"{prefix}{key}")


def unformed(value: Any, path: str) -> Iterator[str]:
    """A scalar that is not written as its name says."""
    key = path.rsplit(".", 1)[-1]
    if value is None or isinstance(value, bool | float):
        return
    if key not in FORMS:
        yield f"{path}: no form is said"
    elif not re.fullmatch(FORMS[key], str(value), re.ASCII):
        yield f"{path}: {value!r} is not written as {FORMS[key]}"


def scalars(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of every leaf."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from scalars(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item, f"{path}[]")
    else:
        yield path, value
