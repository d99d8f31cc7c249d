"""Quotes from Tradier over HTTP. Only reads are ever sent, and only they are sent again.

The form of its answers varies: one element is an object, several are a list; nothing is null, the
text "null", or a missing key; an error can come with status 200, as a page of HTML.
"""

from __future__ import annotations

import logging
import math
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from bt_gex.errors import BadValue, ProviderError
from bt_gex.live.provider import Chain, Level, MarketState, Quote, State, ordered
from bt_gex.market.calendar import NS
from bt_gex.market.contracts import Right
from bt_gex.market.indexes import Index

log = logging.getLogger(__name__)

URL = "https://api.tradier.com/v1"
TOKEN_VARIABLE, TOKEN_FILE_VARIABLE = "TRADIER_TOKEN", "TRADIER_TOKEN_FILE"
TIMEOUT_S = 10.0
ATTEMPTS = 3
PER_MINUTE = 100  # under the account's 120, as others may use it, too
BACKOFF_S = 1.0
OCC_TAIL = 15  # characters of an OCC symbol after its root
STATES: tuple[State, ...] = ("premarket", "open", "postmarket", "closed")


class Transient(ProviderError):
    """An answer that may be another one the next time. wait_s: how long it asks to be waited."""

    def __init__(self, text: str, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Token:
    """An access token; what prints it shows nothing."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self._text}"

    def __repr__(self) -> str:
        return "Token(***)"


def read_token(file: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Token:
    """The token of a file, else of the environment: TRADIER_TOKEN, or a file TRADIER_TOKEN_FILE.

    A file must be readable by its owner alone. Raises BadValue, which never says the token.
    """
    named = file or (None if environ.get(TOKEN_VARIABLE) else environ.get(TOKEN_FILE_VARIABLE))
    if named is None:
        text = environ.get(TOKEN_VARIABLE, "").strip()
        if not text:
            raise BadValue(
                f"no Tradier token; set {TOKEN_VARIABLE}, or {TOKEN_FILE_VARIABLE} to a file of "
                "mode 0600"
            )
        return Token(text)
    path = Path(named)
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8").strip()
    except OSError as error:
        raise BadValue(f"{path}: the token cannot be read: {error.strerror}") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise BadValue(f"{path}: others can read the token; run chmod 600 on it")
    if not text or len(text.split()) != 1:
        raise BadValue(f"{path}: must hold the token and nothing else")
    return Token(text)


class TokenBucket:
    """At most so many requests a minute, evenly refilled; who has none left waits."""

    def __init__(
        self,
        per_minute: int = PER_MINUTE,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.per_minute = per_minute
        self._now, self._sleep = now, sleep
        self._left, self._at = float(per_minute), now()

    @property
    def left(self) -> float:
        """Requests that may be sent at once."""
        now = self._now()
        gained = (now - self._at) * self.per_minute / 60.0
        self._left, self._at = min(float(self.per_minute), self._left + gained), now
        return self._left

    def take(self) -> None:
        """Take one, waiting for it if need be."""
        if (left := self.left) < 1.0:
            self._sleep((1.0 - left) * 60.0 / self.per_minute)
            self.left  # noqa: B018  (refills)
        self._left -= 1.0

    def drain(self) -> None:
        """Somebody says that nothing is left."""
        self._left, self._at = 0.0, self._now()


class TradierProvider:
    """Index prices, VIX, chains and the market's state from Tradier's REST interface.

    now   the wall clock, nanoseconds UTC; sleep waits for a retry
    """

    name = "tradier"

    def __init__(
        self,
        token: Token,
        url: str = URL,
        *,
        bucket: TokenBucket | None = None,
        now: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._now, self._sleep = now, sleep
        self.bucket = bucket or TokenBucket(sleep=sleep)
        self._client = httpx.Client(
            base_url=url.rstrip("/"), timeout=TIMEOUT_S, transport=transport,
            headers={"Authorization": token.header(), "Accept": "application/json"},
        )  # fmt: skip

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def levels(self, symbols: Sequence[str]) -> dict[str, Level]:
        body = self._get("/markets/quotes", symbols=",".join(symbols), greeks="false")
        received = self._now()
        found = {}
        for quote in several(part(body, "quotes", "quote")):
            symbol = str(quote.get("symbol"))
            found[symbol] = Level(
                symbol=symbol,
                price=number(quote.get("last")),
                at_ns=milliseconds(quote.get("trade_date")),
                received_ns=received,
            )
        return {symbol: found[symbol] for symbol in symbols if symbol in found}

    def chain(self, index: Index, expiration: date) -> Chain:
        day = expiration.isoformat()
        body = self._get(
            "/markets/options/chains", symbol=index.symbol, expiration=day, greeks="true"
        )
        quotes = [
            _quote(option)
            for option in several(part(body, "options", "option"))
            if root_of(option) == index.option_root
        ]
        return Chain(expiration=expiration, quotes=ordered(quotes), received_ns=self._now())

    def market_state(self) -> MarketState:
        clock = part(self._get("/markets/clock"), "clock")
        state = clock.get("state") if isinstance(clock, Mapping) else None
        if state not in STATES:
            raise ProviderError(f"tradier: the market's state is {state!r}, which is none")
        return MarketState(
            state=state, at_ns=int(number(clock.get("timestamp")) or 0) * NS,
            received_ns=self._now(),
        )  # fmt: skip

    def _get(self, path: str, **params: str) -> Mapping[str, object]:
        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            retry=retry_if_exception_type(Transient),
            wait=_wait_of,
            sleep=self._sleep,
            reraise=True,
        )
        found: Mapping[str, object] = retrying(self._ask, path, params)
        return found

    def _ask(self, path: str, params: Mapping[str, str]) -> Mapping[str, object]:
        self.bucket.take()
        try:
            answer = self._client.get(path, params=dict(params))
        except httpx.HTTPError as error:
            raise Transient(f"tradier: {path}: {type(error).__name__}: {error}") from error
        if answer.headers.get("X-Ratelimit-Available") == "0":
            self.bucket.drain()
        return self._read(path, answer)

    def _read(self, path: str, answer: httpx.Response) -> Mapping[str, object]:
        status, said = answer.status_code, fault_of(answer)
        where = f"tradier: {path}: HTTP {status}"
        if status == 401 or "access token" in said.lower():
            raise ProviderError(f"{where}: {said}; give a token that is valid")
        if status == 429 or "quota violation" in said.lower():
            self.bucket.drain()
            raise Transient(f"{where}: {said}", self._until(answer.text))
        if status in (404, 409) or status >= 500:
            raise Transient(f"{where}: {said}")
        if status != 200:
            raise ProviderError(f"{where}: {said}")
        try:
            body = answer.json()
        except ValueError:
            raise Transient(f"{where}, but no JSON: {said}") from None
        if not isinstance(body, Mapping) or "fault" in body or "errors" in body:
            raise Transient(f"{where}: {said}")
        return body

    def _until(self, text: str) -> float | None:
        """Seconds to the end of the window, which the last word of a refusal may tell."""
        words = text.split()
        if words and words[-1].isdigit():
            return max(0.0, int(words[-1]) / 1000 - self._now() / NS)
        return None


def _wait_of(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_s if isinstance(error, Transient) else None
    return asked if asked is not None else BACKOFF_S * 2 ** (state.attempt_number - 1)


def fault_of(answer: httpx.Response) -> str:
    """What an answer says is wrong, in one line; its beginning when it is no JSON."""
    try:
        body = answer.json()
    except ValueError:
        return " ".join(answer.text.split())[:80]
    fault = body.get("fault") if isinstance(body, Mapping) else None
    if isinstance(fault, Mapping):
        return str(fault.get("faultstring"))
    errors = part(body, "errors", "error") if isinstance(body, Mapping) else None
    return "; ".join(map(str, errors)) if isinstance(errors, list) else str(errors or "")


def part(body: object, *names: str) -> Any:
    """A part of an answer; None for null, "null" and what is missing."""
    for name in names:
        body = body.get(name) if isinstance(body, Mapping) else None
    return None if body == "null" else body


def several(value: object) -> list[Mapping[str, object]]:
    """The elements of what is a list, one object, or nothing."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, Mapping)]


def number(value: Any) -> float | None:
    """A finite number, also one written as a text; None for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def milliseconds(value: object) -> int:
    """Nanoseconds of an instant in milliseconds; 0 for none."""
    return int(number(value) or 0) * 1_000_000


def root_of(option: Mapping[str, object]) -> str:
    """The root of an option: as it says, else of its OCC symbol."""
    return str(option.get("root_symbol") or str(option.get("symbol"))[:-OCC_TAIL])


def _quote(option: Mapping[str, object]) -> Quote:
    greeks = option.get("greeks")
    known = greeks if isinstance(greeks, Mapping) else {}
    strike = number(option.get("strike"))
    kind = str(option.get("option_type")).lower()
    if strike is None or kind not in ("call", "put"):
        raise ProviderError(f"tradier: {option.get('symbol')!r} has no strike or no right")
    right: Right = "C" if kind == "call" else "P"
    volume, interest = (number(option.get(name)) for name in ("volume", "open_interest"))
    return Quote(
        root=root_of(option), strike=strike, right=right, bid=number(option.get("bid")),
        ask=number(option.get("ask")), last=number(option.get("last")),
        volume=None if volume is None else int(volume),
        open_interest=None if interest is None else int(interest),
        greeks={name: number(known.get(name)) for name in ("delta", "gamma", "theta", "vega")},
        at_ns=max(milliseconds(option.get(name)) for name in ("bid_date", "ask_date")),
    )  # fmt: skip
