"""The tour itself: from a wallet to a closed trade, through every call."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from backoffice.tour.session import Session, Socket, TourFailed
from chain.development import Wallet

INTERVALS = ("1min", "5min", "15min", "30min", "60min", "4hour", "1day", "1week", "1mon")
DEPOSIT, PLEDGE, WITHDRAWAL = Decimal(500), Decimal(20), Decimal(20)


def tour(url: str, wallet: Wallet, say: Callable[[str], None]) -> None:
    """Goes through all of it; raises TourFailed at the first step that does not give what it should."""
    session = Session(url, wallet, say)
    say(f"Tour of {url} with wallet {wallet.address}")
    _visit(session)
    _sign_in(session)
    index = _market(session)
    asyncio.run(_deposit(session))
    _pledge(session)
    _fund(session)
    _mine(session)
    asyncio.run(_trade(session, index))
    asyncio.run(_withdraw(session))
    _leave_pool(session)
    _leave(session)
    say("The tour is complete.")


def _check(right: bool, sentence: str) -> None:
    if not right:
        raise TourFailed(sentence)


def _visit(session: Session) -> None:
    session.say("1. A visitor looks around")
    home = session.home()
    _check(home["my"]["address"] is None, "signed out, but the home call knows an address")
    _check(len(home["index"]) > 0, "there is no index")


def _sign_in(session: Session) -> None:
    session.say("2. The wallet signs in")
    session.call("POST", "auth/token", expect=401, address=session.wallet.address, signature="0x" + "11" * 65)
    session.sign_in()
    home = session.home()
    _check(home["my"]["address"] == session.wallet.address, "the home call shows another address")
    session.token = session.call("POST", "auth/refresh")["data"]["access_token"]


def _market(session: Session) -> dict[str, Any]:
    session.say("3. Indexes, market figures, candles")
    indexes = session.call("GET", "contract/indexes")["data"]
    index: dict[str, Any] = session.wait_for(
        "an index has a live price",
        lambda: next((row for row in session.call("GET", "contract/indexes")["data"] if not row["stale"]), None),
    )
    market = session.call("GET", "contract/index/market", id=index["id"])["data"]
    session.say(f"     {len(indexes)} indexes; {index['sub_title']} at {market['last_price']}")
    for interval in INTERVALS:
        candles = session.call("GET", "contract/index/kline", id=index["id"], interval=interval, limit=5)["data"]
        _check(len(candles) > 0, f"no {interval} candle")
    return index


async def _deposit(session: Session) -> None:
    session.say("4. A deposit, paid on chain and followed on the socket")
    before = Decimal(session.home()["my"]["balance"])
    async with Socket(session.url, session.say) as socket:
        await socket.ask(auth=session.token)
        await socket.ask(sub="payments", id="1")
        await socket.ask(sub="balance", id="2")
        prepared = session.call("POST", "index/recharge/order", amount=str(DEPOSIT))["data"]

        async def reaches(status: int) -> dict[str, Any]:
            """The order's row once it has this status."""

            def found(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
                return [row for row in rows if row["no"] == prepared["no"] and row["status"] == status]

            rows = await socket.shows("payments", lambda rows: bool(found(rows)), 60)
            return found(rows)[0]

        await reaches(0)
        tx_hash = session.pay(prepared)
        session.call("POST", "index/recharge", no=prepared["no"], id=tx_hash)
        paid = await reaches(2)
        session.say(f"     confirmed by {paid['confirmations']} blocks")
        await socket.shows("balance", lambda data: Decimal(data["available"]) == before + DEPOSIT)
        session.say(f"     the deposit of {DEPOSIT} is on the index account")
    _check(Decimal(session.home()["my"]["balance"]) == before + DEPOSIT, "the home call shows another balance")


def _pledge(session: Session) -> None:
    session.say("5. A pledge into the market pool")
    before = session.home()
    prepared = session.call("POST", "market/pledge/order", amount=str(PLEDGE))["data"]
    tx_hash = session.pay(prepared)
    session.call("POST", "market/pledge", no=prepared["no"], id=tx_hash)
    wanted = Decimal(before["my"]["market_pledge"]) + PLEDGE
    session.wait_for(
        f"the pledge of {PLEDGE} has joined the pool",
        lambda: True if Decimal(session.home()["my"]["market_pledge"]) == wanted else None,
    )
    pledges = session.call("GET", "market/pledges")["data"]
    _check(pledges[0]["amount"] == f"{PLEDGE:.6f}", f"the newest pledge is {pledges[0]}")
    for name in ("income", "loss"):
        rows = session.call("GET", f"market/{name}/logs")
        _check(session.call("POST", f"market/{name}/logs")["page"] == rows["page"], "GET and POST differ")
        session.say(f"     {name} so far {session.home()['my'][f'market_{name}']} in {rows['page']['total']} rows")


def _leave_pool(session: Session) -> None:
    session.say("12. The pledges leave the market pool")
    for _ in range(2):
        session.call("POST", "market/pledge/cancel")
    live = [row for row in session.call("GET", "market/pledges")["data"] if row["status"] != "left"]
    _check(all(row["status"] == "leaving" for row in live), f"the pledges are {live}")
    session.say("     the settlement of today, after 00:05 tomorrow, pays them out")


def _fund(session: Session) -> None:
    session.say("6. A fund is bought and redeemed before its period ends")
    before = session.home()
    _check(len(before["fund"]) > 0, "the home call lists no fund")
    products = session.call("GET", "fund/products")["data"]
    # The demonstration's first fund may be redeemed early; it was made first, and the newest comes first.
    product = next((row for row in reversed(products) if row["remain_volume"] > 0), None)
    if product is None:
        raise TourFailed("all funds are sold out")
    session.call("POST", "fund/product/buy/order", expect=500, id=product["id"], volume=product["total_volume"] + 1)
    form = {"id": product["id"], "period": product["periods"][0]["period"], "volume": 1}
    prepared = session.call("POST", "fund/product/buy/order", **form)["data"]
    session.call("POST", "fund/product/buy", no=prepared["no"], id=session.pay(prepared))

    def bought() -> dict[str, Any] | None:
        rows = session.call("GET", "fund/buy/logs")["data"]
        return next((row for row in rows if row["no"] == prepared["no"] and row["status"] == 2), None)

    order = session.wait_for(f"a unit of {product['title']} is bought", bought)
    session.say(f"     its period of {order['period']} months ends at {order['matures_at']}")
    left = next(row for row in session.call("GET", "fund/products")["data"] if row["id"] == product["id"])
    _check(left["remain_volume"] < product["remain_volume"], "the fund's volume is what it was")
    rewarded = session.call("GET", "fund/reward/logs")["data"]
    _check(all(row["order_id"] != order["id"] for row in rewarded), "the order was rewarded before its end")
    session.call("POST", "fund/order/redeem", id=order["id"])
    redeemed = session.wait_for(
        "the fund is redeemed early",
        lambda: next(
            (row for row in session.call("GET", "fund/redeem/logs")["data"] if row["no"] == prepared["no"]), None
        ),
    )
    session.say(f"     {redeemed['redeemed_amount']} returned, fee {redeemed['fee']}")
    session.call("POST", "fund/order/redeem", expect=500, id=order["id"])


def _mine(session: Session) -> None:
    session.say("7. Mining is opened")
    session.call("POST", "power/start")
    session.call("POST", "power/start")
    home = session.home()
    _check(home["power"]["is_open_power"] is True, "mining is not open")
    session.say(f"     power {home['my']['power']}; the next settlement shares {home['power']['power_pool']}")
    session.call("POST", "power/reward/logs")
    session.call("GET", "power/reward/logs")
    session.call("POST", "power/stop")
    _check(session.home()["power"]["is_open_power"] is False, "mining is still open")
    session.call("POST", "power/start")


async def _trade(session: Session, index: dict[str, Any]) -> None:
    session.say("8. The socket: candles and market for everybody, positions, orders and balance for the client")
    async with Socket(session.url, session.say) as socket:
        await socket.ask(sub=f"index.kline.{index['code']}", id="1")
        candles = await socket.push(f"index.kline.{index['code']}")
        _check(set(candles) == set(INTERVALS), f"the pushed candles are {sorted(candles)}")
        await socket.ask(sub=f"index.market.{index['code']}", id="2")
        market = await socket.push(f"index.market.{index['code']}")
        await socket.ask(auth=session.token)
        await socket.ask(sub="index.positions", id="3")
        held = await socket.push("index.positions")
        _check(held == [], f"there are positions already: {held}")
        await socket.ask(sub="orders", id="4")
        await socket.ask(sub="balance", id="5")
        await socket.ask(ping=1)

        session.say("9. A position is opened, moves, and is closed")
        placed = session.call(
            "POST", "contract/order/create", id=index["id"], direction="buy", price_type="market", volume=100
        )["data"]
        _check(placed["status"] == "pending", f"the order is {placed['status']}")
        [position] = await socket.push("index.positions", lambda data: len(data) == 1)
        session.say(f"     open at {position['open_price']}, liquidation at {position['liquidation_price']}")
        first = position["profit_unreal"]
        [moved] = await socket.push(
            "index.positions", lambda data: len(data) == 1 and data[0]["profit_unreal"] != first
        )
        session.say(f"     unrealised profit {first} → {moved['profit_unreal']}")
        listed = session.call("GET", "contract/positions")
        _check(listed["page"]["total"] == 1, f"{listed['page']['total']} positions are listed")

        quote = session.call(
            "POST", "contract/order/quote", id=index["id"], direction="sell", price_type="market", volume=100
        )["data"]
        _check(quote["reason"] is None and quote["max_volume"] >= 100, f"the quote refuses: {quote['message']}")
        session.say(f"     a short of 100 would take {quote['margin']}, {quote['max_volume']} at most")
        stop = str(round(Decimal(position["open_price"]) * Decimal("0.97"), index["decimals"]))
        session.call("POST", "contract/position/protect", id=position["id"], stop_loss=stop)
        [protected] = await socket.push("index.positions", lambda data: len(data) == 1 and bool(data[0]["stop_loss"]))
        session.say(f"     protected by a stop-loss at {protected['stop_loss']}")

        session.say("10. A limit order waits and is cancelled")
        far = str(round(Decimal(str(market["last_price"])) / 2, index["decimals"]))
        limit = session.call(
            "POST", "contract/order/create", id=index["id"], direction="buy", price_type="limit", volume=10, price=far
        )["data"]
        waiting = session.call("GET", "contract/orders")["data"]
        _check([row["id"] for row in waiting] == [limit["id"]], f"waiting are {waiting}")
        await socket.shows("orders", lambda rows: [row["id"] for row in rows] == [limit["id"]])
        held = await socket.shows("balance", lambda data: Decimal(data["order_hold"]) > 0)
        session.say(f"     pushed, too, with {held['order_hold']} on hold")
        session.call("POST", "contract/order/cancel", id=limit["id"])
        await socket.shows("orders", lambda rows: rows == [])
        await socket.shows("balance", lambda data: Decimal(data["order_hold"]) == 0)
        session.call("POST", "contract/order/cancel", expect=500, id=limit["id"])

        session.call("POST", "contract/position/close", id=position["id"])
        await socket.push("index.positions", lambda data: data == [])
        await socket.shows("balance", lambda data: Decimal(data["margin"]) == 0)
        session.say("     closed; the margin is back")
        await socket.ask(sub="fills", id="7")
        newest = (await socket.push("fills"))[0]
        _check(newest["kind"] == "close", f"the newest fill is {newest['kind']}")
        await socket.ask(unsub=f"index.kline.{index['code']}", id="6")
    filled = session.call("GET", "contract/orders", status="filled")["data"]
    _check(len(filled) >= 2 and filled[0]["kind"] == "close", "the fills are not listed")
    closed = session.call("GET", "contract/position/logs")["data"][0]
    session.say(f"     realised {closed['profit']}, fees {closed['fee']}")
    fills = session.call("GET", "contract/fill/logs", position=closed["id"])["data"]
    _check([row["kind"] for row in fills] == ["close", "open"], "the position's fills are not its own")


async def _withdraw(session: Session) -> None:
    session.say("11. A withdrawal to the client's own wallet, followed on the socket")
    config = session.call("GET", "index/config")["data"]
    before = Decimal(session.home()["my"]["balance"])
    async with Socket(session.url, session.say) as socket:
        await socket.ask(auth=session.token)
        await socket.ask(sub="payments", id="1")
        asked = session.call("POST", "index/withdraw", amount=str(WITHDRAWAL))["data"]

        def ended(rows: list[dict[str, Any]]) -> bool:
            return any(row["no"] == asked["no"] and row["status"] == "confirmed" for row in rows)

        await socket.shows("payments", ended, 60)
    [row] = session.call("GET", "index/withdrawals", no=asked["no"])["data"]
    session.say(f"     {row['arrival']} arrived in {row['tx_hash']}, {row['fee']} was the fee")
    _check(Decimal(row["arrival"]) == WITHDRAWAL - Decimal(config["withdrawal_fee"]), "another amount has arrived")
    _check(Decimal(session.home()["my"]["balance"]) == before - WITHDRAWAL, "the home call shows another balance")
    statement = session.call("GET", "index/statement")["data"]
    kinds = [movement["kind"] for movement in statement["movements"][:3]]
    _check({"withdrawal", "withdrawal_fee"} <= set(kinds), f"the statement's newest movements are {kinds}")
    paid = session.call("GET", "index/payments")
    _check(paid["page"]["total"] >= 2, "the payments are not listed")


def _leave(session: Session) -> None:
    session.say("13. Signing out")
    session.call("POST", "auth/logout")
    session.call("GET", "contract/positions", expect=401)
