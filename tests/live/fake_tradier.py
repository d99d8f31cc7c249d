"""A Tradier server for tests: a recorded day, said over HTTP as Tradier says it.

Bodies follow captured ones: one element is an object and several are a list, nothing is the text
"null" or null, prices keep their zeros, bid and ask dates are whole seconds in milliseconds, the
default form is XML, limits are counted by clock minutes. `faults` are what the next requests get.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bt_gex.live.provider import Level, Quote, RecordedProvider
from bt_gex.market.calendar import NS, new_york, utc
from bt_gex.market.indexes import Index

TOKEN = "a-token-for-tests"
MINUTE_MS = 60_000
HTML = "<html><body>Scheduled maintenance</body></html>"


def fault(text: str, code: str) -> dict[str, Any]:
    return {"fault": {"faultstring": text, "detail": {"errorcode": code}}}


DATASTORE = fault("Datastore Error", "steps.servicecallout.ExecutionFailed")
QUOTA = fault("Rate limit quota violation.", "policies.ratelimit.QuotaViolation")
EXPIRED = fault("Access Token expired", "keymanagement.service.access_token_expired")


class FakeTradier:
    """A server on a port of its own. Use as a context manager.

    market   what it knows; now: its clock
    delay_s  how old what it says is (900 on paper accounts); frozen_at: nothing is newer than that
    limit    requests a clock minute; other_root: a second root of the same day in each chain
    null     how nothing is written; without_greeks leaves them out
    """

    def __init__(self, market: RecordedProvider, index: Index, now: Callable[[], int]) -> None:
        self.market, self.index, self.now = market, index, now
        self.faults: deque[str] = deque()
        self.asked: list[str] = []
        self.limit, self.used = 120, Counter[int]()
        self.null: Any = "null"
        self.other_root: str | None = None
        self.without_greeks = False
        self.frozen_at: int | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FakeTradier:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # ------------------------------------------------------------------------------------ bodies

    def quotes(self, symbols: list[str]) -> Any:
        levels = self.market.levels(symbols)
        known = [self._level(levels[symbol]) for symbol in symbols if symbol in levels]
        unmatched = [{"symbol": symbol} for symbol in symbols if symbol not in levels]
        body: dict[str, Any] = {}
        if known:
            body["quote"] = one_or_list(known)
        if unmatched:
            body["unmatched_symbols"] = one_or_list(unmatched)
        return {"quotes": body}

    def _level(self, level: Level) -> dict[str, Any]:
        return {
            "symbol": level.symbol, "type": "index", "exch": "C", "last": level.price,
            "change": None, "volume": 0, "bid": None, "ask": None, "close": None,
            "trade_date": self._dated(level.at_ns) // 1_000_000, "bid_date": 0, "ask_date": 0,
            "root_symbols": "SPX,SPXW" if level.symbol == "SPX" else level.symbol,
        }  # fmt: skip

    def _dated(self, ns: int) -> int:
        return min(ns, self.frozen_at) if self.frozen_at is not None else ns

    def chain(self, symbol: str, expiration: date) -> Any:
        if symbol != self.index.symbol or expiration != new_york(self.now()).date():
            return {"options": self.null}
        options = []
        for quote in self.market.chain(self.index, expiration).quotes:
            options.append(self._option(quote, expiration, self.index.option_root))
            if self.other_root:
                options.append(self._option(quote, expiration, self.other_root))
        return {"options": {"option": one_or_list(options)} if options else self.null}

    def _option(self, quote: Quote, expiration: date, root: str) -> dict[str, Any]:
        kind = "call" if quote.right == "C" else "put"
        second_ms = self._dated(quote.at_ns) // NS * 1000
        found = {
            "symbol": f"{root}{expiration:%y%m%d}{quote.right}{round(quote.strike * 1000):08d}",
            "root_symbol": root, "underlying": self.index.symbol, "strike": quote.strike,
            "option_type": kind, "expiration_date": expiration.isoformat(),
            "expiration_type": "weeklys", "contract_size": 100,
            "bid": 0.0 if quote.bid is None else quote.bid, "ask": quote.ask, "last": quote.last,
            "volume": quote.volume or 0, "open_interest": quote.open_interest or 0,
            "trade_date": 0, "bid_date": second_ms, "ask_date": second_ms,
        }  # fmt: skip
        if root != self.index.option_root:
            found |= {"bid": 99.0, "ask": 99.5}
        if not self.without_greeks:
            hour = utc(self.now()) - timedelta(minutes=67)
            greeks = {**quote.greeks, "rho": 0.0, "mid_iv": 0.2,
                      "updated_at": f"{hour:%Y-%m-%d %H:%M:%S}"}  # fmt: skip
            found["greeks"] = greeks if quote.greeks else None
        return found

    def clock(self) -> Any:
        now = self.market.market_state()
        described = (
            "Market is open from 09:30 to 16:00" if now.state == "open" else "Market is closed"
        )
        return {"clock": {"date": f"{new_york(now.at_ns):%Y-%m-%d}", "description": described,
                          "state": now.state, "timestamp": now.at_ns // NS,
                          "next_change": "16:00", "next_state": "postmarket"}}  # fmt: skip

    # ------------------------------------------------------------------------------------ server

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake.answer(self)

            def log_message(self, *words: object) -> None:
                pass

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        fake = self.faults.popleft() if self.faults else ""
        parts = urlsplit(request.path)
        self.asked.append(parts.path)
        if fake == "drop":
            request.close_connection = True
            request.connection.close()
            return
        if fake == "slow":
            time.sleep(0.3)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}" or fake == "401":
            send(request, 401, "Invalid Access Token", "plain/text", {})
            return
        refused = {"401 json": (500, EXPIRED), "500": (500, DATASTORE), "429 json": (429, QUOTA),
                   "404": (404, {}), "502": (502, {})}.get(fake)  # fmt: skip
        if refused:
            send(request, refused[0], json.dumps(refused[1]), "application/json", {})
            return
        if fake == "html":
            send(request, 200, HTML, "text/html", {})
            return
        headers = self._count()
        if fake == "429" or headers["X-Ratelimit-Available"] == "-1":
            send(request, 429, f"Quota Violation {headers['X-Ratelimit-Expiry']}", "text/plain", {})
            return
        self._send_body(request, parts.path, parse_qs(parts.query), headers)

    def _count(self) -> dict[str, str]:
        minute = self.now() // 1_000_000 // MINUTE_MS
        self.used[minute] += 1
        left = max(self.limit - self.used[minute], -1)
        return {
            "X-Ratelimit-Allowed": str(self.limit), "X-Ratelimit-Used": str(self.used[minute]),
            "X-Ratelimit-Available": str(left),
            "X-Ratelimit-Expiry": str((minute + 1) * MINUTE_MS),
        }  # fmt: skip

    def _send_body(
        self, request: Any, path: str, query: dict[str, list[str]], headers: dict[str, str]
    ) -> None:
        if path == "/v1/markets/quotes":
            body = self.quotes(query["symbols"][0].split(","))
        elif path == "/v1/markets/options/chains":
            body = self.chain(query["symbol"][0], date.fromisoformat(query["expiration"][0]))
        elif path == "/v1/markets/clock":
            body = self.clock()
        else:
            send(request, 400, "Invalid parameter, path", "text/plain", headers)
            return
        if "application/json" not in (request.headers.get("Accept") or ""):
            send(request, 200, f"<{next(iter(body))}/>", "application/xml", headers)
            return
        send(request, 200, json.dumps(body), "application/json;charset=UTF-8", headers)


def one_or_list(several: list[Any]) -> Any:
    """As Tradier writes elements."""
    return several[0] if len(several) == 1 else several


def send(request: Any, status: int, body: str, kind: str, headers: dict[str, str]) -> None:
    content = body.encode()
    request.send_response(status, "")
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(content)))
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(content)
