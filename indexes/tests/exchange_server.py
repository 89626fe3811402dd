"""A local server that speaks the public REST of two exchanges, in their real formats, with faults by switch.

Binance and OKX as ccxt reads them: lists of markets and tickers. Every exchange has its own port, so that one can be
gone while the other answers.
"""

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
SLOW_SECONDS = 30.0


class Exchange(ABC):
    """One exchange: `prices` by pair, and a `fault`:

    slow (no answer within any time-out), wrong (another pair's ticker), swapped (another pair's price under the name
    that was asked for), frozen (the time of when it froze), tenfold, error (HTTP 500), html (a page of a proxy),
    truncated (half an answer), limited (HTTP 429), nonsense (prices that are none).
    """

    def __init__(self, prices: Mapping[str, str]) -> None:
        self.prices = dict(prices)
        self.fault = ""
        self.requests: list[str] = []
        self._frozen = 0
        self._port = 0
        self._ends = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def listens(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        """Listens, after `stop` on the same port again."""
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                exchange.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        self._ends.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Gone: connections are refused."""
        if self._server is not None:
            self._ends.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def freeze(self) -> None:
        self._frozen = time.time_ns() // 1_000_000
        self.fault = "frozen"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self._ends.is_set():
            handler.close_connection = True
            return
        url = urlsplit(handler.path)
        self.requests.append(handler.path)
        parameters = {name: values[0] for name, values in parse_qs(url.query).items()}
        found = self.markets(url.path, parameters)
        status, kind = 200, "application/json"
        if found is not None:
            body = json.dumps(found)
        elif self.fault == "slow":
            self._ends.wait(SLOW_SECONDS)
            handler.close_connection = True
            return
        elif self.fault == "error":
            status, body = 500, json.dumps(self.error())
        elif self.fault == "limited":
            status, body = 429, json.dumps(self.limit())
        elif self.fault == "html":
            kind, body = "text/html", "<!DOCTYPE html><html><body>Attention required</body></html>"
        else:
            body = json.dumps(self.tickers(url.path, parameters))
            if self.fault == "truncated":
                body = body[: len(body) // 2]
        written = body.encode()
        # The reader may have given up.
        with suppress(ConnectionError):
            handler.send_response(status)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(written)))
            handler.end_headers()
            handler.wfile.write(written)

    def quoted(self, pair: str) -> tuple[str, str, int]:
        """The pair under whose name an answer for `pair` comes, its price, and the time in milliseconds."""
        another = next(other for other in PAIRS if other != pair)
        if self.fault == "wrong":
            pair = another
        price = self.prices[another if self.fault == "swapped" else pair]
        if self.fault == "tenfold":
            price = str(Decimal(price) * 10)
        if self.fault == "nonsense":
            price = {"BTC/USDT": "NaN", "ETH/USDT": "-3000", "SOL/USDT": "0"}[pair]
        return pair, price, self._frozen if self.fault == "frozen" else time.time_ns() // 1_000_000

    @abstractmethod
    def markets(self, path: str, parameters: Mapping[str, str]) -> object | None: ...

    @abstractmethod
    def tickers(self, path: str, parameters: Mapping[str, str]) -> object: ...

    @abstractmethod
    def error(self) -> object: ...

    @abstractmethod
    def limit(self) -> object: ...


class Binance(Exchange):
    """https://developers.binance.com/docs/binance-spot-api-docs/rest-api"""

    def options(self) -> dict[str, Any]:
        return {
            "urls": {
                "api": {
                    "public": f"{self.url}/api/v3",
                    "fapiPublic": f"{self.url}/fapi/v1",
                    "dapiPublic": f"{self.url}/dapi/v1",
                }
            }
        }

    def markets(self, path: str, parameters: Mapping[str, str]) -> object | None:
        if not path.endswith("/exchangeInfo"):
            return None
        symbols = [_binance_market(*pair.split("/")) for pair in PAIRS] if path.startswith("/api/") else []
        head = {"timezone": "UTC", "serverTime": 1565246363776, "rateLimits": [], "exchangeFilters": []}
        return {**head, "symbols": symbols}

    def tickers(self, path: str, parameters: Mapping[str, str]) -> object:
        assert path == "/api/v3/ticker/24hr"
        by_id = {pair.replace("/", ""): pair for pair in PAIRS}
        if "symbol" in parameters:
            return self._ticker(by_id[parameters["symbol"]])
        wanted = json.loads(parameters["symbols"]) if "symbols" in parameters else list(by_id)
        return [self._ticker(by_id[name]) for name in wanted]

    def _ticker(self, pair: str) -> dict[str, Any]:
        pair, price, now = self.quoted(pair)
        return {
            "symbol": pair.replace("/", ""),
            "priceChange": "-94.99999800",
            "priceChangePercent": "-0.160",
            "weightedAvgPrice": price,
            "prevClosePrice": price,
            "lastPrice": price,
            "lastQty": "0.00200000",
            "bidPrice": price,
            "bidQty": "4.31000000",
            "askPrice": price,
            "askQty": "1.20000000",
            "openPrice": price,
            "highPrice": price,
            "lowPrice": price,
            "volume": "8913.30000000",
            "quoteVolume": "15300000.30000000",
            "openTime": now - 86_400_000,
            "closeTime": now,
            "firstId": 28385,
            "lastId": 28460,
            "count": 76,
        }

    def error(self) -> object:
        return {"code": -1000, "msg": "An unknown error occurred while processing the request."}

    def limit(self) -> object:
        return {
            "code": -1003,
            "msg": "Too much request weight used; current limit is 6000 request weight per 1 MINUTE.",
        }


def _binance_market(base: str, quote: str) -> dict[str, Any]:
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.0", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "avgPriceMins": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


class Okx(Exchange):
    """https://www.okx.com/docs-v5/en/"""

    def options(self) -> dict[str, Any]:
        return {"urls": {"api": {"rest": self.url}}}

    def markets(self, path: str, parameters: Mapping[str, str]) -> object | None:
        if path != "/api/v5/public/instruments":
            return None
        spot = parameters["instType"] == "SPOT"
        return {"code": "0", "msg": "", "data": [_okx_market(*pair.split("/")) for pair in PAIRS] if spot else []}

    def tickers(self, path: str, parameters: Mapping[str, str]) -> object:
        if path == "/api/v5/market/ticker":
            data = [self._ticker(parameters["instId"].replace("-", "/"))]
        else:
            assert (path, parameters["instType"]) == ("/api/v5/market/tickers", "SPOT")
            data = [self._ticker(pair) for pair in PAIRS]
        return {"code": "0", "msg": "", "data": data}

    def _ticker(self, pair: str) -> dict[str, Any]:
        pair, price, now = self.quoted(pair)
        return {
            "instType": "SPOT",
            "instId": pair.replace("/", "-"),
            "last": price,
            "lastSz": "0.1",
            "askPx": price,
            "askSz": "11",
            "bidPx": price,
            "bidSz": "5",
            "open24h": price,
            "high24h": price,
            "low24h": price,
            "volCcy24h": "222222222",
            "vol24h": "2222",
            "ts": str(now),
            "sodUtc0": price,
            "sodUtc8": price,
        }

    def error(self) -> object:
        return {"code": "50026", "msg": "System error. Try again later", "data": []}

    def limit(self) -> object:
        return {"code": "50011", "msg": "Too Many Requests", "data": []}


def _okx_market(base: str, quote: str) -> dict[str, Any]:
    empty = ("alias", "ctMult", "ctType", "ctVal", "ctValCcy", "expTime", "instFamily", "optType", "settleCcy", "stk")
    return {
        **dict.fromkeys((*empty, "uly"), ""),
        "baseCcy": base,
        "category": "1",
        "instId": f"{base}-{quote}",
        "instType": "SPOT",
        "lever": "10",
        "listTime": "1548133413000",
        "lotSz": "0.00000001",
        "maxLmtSz": "9999999999",
        "maxMktSz": "1000000",
        "minSz": "0.00001",
        "quoteCcy": quote,
        "ruleType": "normal",
        "state": "live",
        "tickSz": "0.1",
    }
