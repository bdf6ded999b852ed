"""A project over HTTP: who asks, how much may come in, what a browser is told.

``guarded`` puts around a FastAPI application what each project needs: limits of bodies
while they stream, headers of safety, the session and its protection against requests
from other sites, the login page, errors as JSON in Chinese, ``/health`` with the pace
of the latest responses.
"""

from __future__ import annotations

import html
import logging
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from ..files import FULL
from ..runtime import optional
from .accounts import SESSION, Account, Accounts, OverQuota, TooManyTries, WrongKey
from .database import sql
from .jobs import Busy, Jobs, Reused
from .refused import Refused

fastapi = optional("fastapi")
Request = fastapi.Request  # where FastAPI looks up the annotations

log = logging.getLogger(__name__)

MOST_BYTES = 2**20  # of a body where nothing else is said
LINGER = 2**22  # bytes of a body that is too large and read to its end all the same
LATEST = 1_000  # responses whose pace is told
SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
}
FRESH = {"cache-control": "no-store"}
RETRY = {"Retry-After": "10"}
STYLE = """
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
body { max-width: 24rem; margin: 12vh auto; padding: 0 1rem; }
label { display: block; margin: 1rem 0 .3rem; }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .6rem;
  border: 1px solid #767676; border-radius: .4rem; }
button { margin-top: 1rem; background: #1d4ed8; color: #fff; border: 0; }
:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px; }
.wrong { color: #b91c1c; }
@media (prefers-color-scheme: dark) { .wrong { color: #fca5a5; } }
"""
LOGIN = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>登录 · {title}</title><link rel="stylesheet" href="/login.css"></head>
<body><main><h1>{title}</h1>{wrong}<form method="post" action="/login">
<label for="key">密钥</label>
<input id="key" name="key" type="password" autocomplete="current-password" required
 autofocus><button>登录</button></form></main></body></html>"""


class Guard:
    """What stands before an application, as ASGI middleware.

    ``most`` maps the beginning of a path to the bytes that a body may have; the paths
    of ``public``, and those below them, need no login.
    """

    def __init__(
        self,
        app: Any,
        *,
        project: str,
        accounts: Accounts,
        most: dict[str, int],
        public: tuple[str, ...],
    ):
        self.app, self.accounts, self.cookie = app, accounts, f"{project}_session"
        self.most, self.public = most, public

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = fastapi.Request(scope)
        if foreign(request, self.cookie):
            refused = _problem(403, "请求来自别的网站，已拒绝。")
        else:
            refused = await self._no_page(request)
        most, seen = self._limit(request.url.path), 0
        length = int(request.headers.get("content-length") or 0)
        if length > most:
            refused = _problem(413, f"内容超过 {most:,} 字节。")
            # an answer to what is still being sent may get lost, above all behind a
            # proxy, which then says 502
            while length <= LINGER and (await receive()).get("more_body"):
                pass

        async def counted() -> Any:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise fastapi.HTTPException(413, f"内容超过 {most:,} 字节。")
            return message

        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = fastapi.datastructures.Headers(raw=message["headers"])
                told = HEADERS if "cache-control" in headers else HEADERS | FRESH
                kept = [(k, v) for k, v in message["headers"] if k.decode() not in told]
                added = [(k.encode(), v.encode()) for k, v in told.items()]
                message = {**message, "headers": kept + added}
            await send(message)

        await (refused or self.app)(scope, counted, marked)

    def _limit(self, path: str) -> int:
        fitting = [start for start in self.most if path.startswith(start)]
        return self.most[max(fitting, key=len)] if fitting else MOST_BYTES

    async def _no_page(self, request: Any) -> Any:
        """Lead a browser that is not logged in to the login page."""
        wants = "text/html" in request.headers.get("accept", "")
        path = request.url.path
        if request.method != "GET" or not wants or path == "/login":
            return None
        if "authorization" in request.headers:
            return None
        if any(path == p or path.startswith(f"{p}/") for p in self.public):
            return None
        token = request.cookies.get(self.cookie)
        in_thread = fastapi.concurrency.run_in_threadpool
        if await in_thread(self.accounts.by_token, token) is None:
            return fastapi.responses.RedirectResponse("/login", 303)
        return None


class Pace:
    """How soon the latest responses of this process began: numbers, no user's data.

    It notes the seconds from a request until its response begins, whatever it says:
    not what a job, or an answer told word by word, takes after that. ``/health``
    itself, which a monitor asks all the time, is left out.
    """

    def __init__(self) -> None:
        self.took: deque[float] = deque(maxlen=LATEST)

    def told(self) -> dict[str, Any]:
        """Return how many ``responses`` count and their ``p95_ms``; None of none."""
        took = [*self.took]
        p95 = round(1e3 * float(np.quantile(took, 0.95)), 1) if took else None
        return {"responses": len(took), "p95_ms": p95}


class Timed:
    """Notes the pace of an application, as ASGI middleware."""

    def __init__(self, app: Any, *, pace: Pace):
        self.app, self.pace = app, pace

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through."""
        if scope["type"] != "http" or scope["path"] == "/health":
            return await self.app(scope, receive, send)
        begun = time.perf_counter()

        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.pace.took.append(time.perf_counter() - begun)
            await send(message)

        await self.app(scope, receive, noted)


def guarded(
    app: Any,
    *,
    project: str,
    title: str,
    accounts: Accounts,
    jobs: Jobs | None = None,
    health: Callable[[], dict[str, Any]] = dict,
    most: dict[str, int] | None = None,
    public: tuple[str, ...] = (),
) -> Any:
    """Put around a ``fastapi.FastAPI`` what every project needs, and return it.

    It then has ``GET`` and ``POST /login``, ``POST /logout``, ``GET /health`` (with
    what ``health`` returns, how many jobs wait, and the ``Pace``) and errors as
    ``{"error": "…"}``. A ``Refused`` is told to who asked, 422; where nothing can be
    stored it is 503, any other error is one inside, 500.
    """
    cookie, pace = f"{project}_session", Pace()
    answers = fastapi.responses

    def login_page(wrong: str = "", status: int = 200) -> Any:
        told = (
            f'<p class="wrong" role="alert">{html.escape(wrong)}</p>' if wrong else ""
        )
        page = LOGIN.format(title=html.escape(title), wrong=told)
        return answers.HTMLResponse(page, status)

    @app.get("/login")
    def login() -> Any:
        return login_page()

    @app.get("/login.css")
    def style() -> Any:
        return answers.Response(STYLE, media_type="text/css")

    @app.post("/login")
    async def enter(request: Request) -> Any:
        sent = parse_qs((await request.body()).decode("utf-8", "replace"))
        key = sent.get("key", [""])[0].strip()
        in_thread = fastapi.concurrency.run_in_threadpool
        try:
            token = await in_thread(accounts.login, key, source_of(request))
        except WrongKey as error:
            return login_page(str(error), 401)
        except TooManyTries as error:
            return login_page(str(error), 429)
        answer = answers.RedirectResponse("/", 303)
        answer.set_cookie(
            cookie,
            token,
            max_age=int(SESSION),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @app.post("/logout")
    def leave(request: Request) -> Any:
        accounts.logout(request.cookies.get(cookie, ""))
        answer = answers.RedirectResponse("/login", 303)
        answer.delete_cookie(cookie)
        return answer

    @app.get("/health")
    def healthy() -> Any:
        waiting = jobs.counts() if jobs else {}
        return {"status": "ok", **pace.told(), **waiting, **health()}

    for error, status, headers in (
        (WrongKey, 401, {}),
        (TooManyTries, 429, {"Retry-After": "600"}),
        (OverQuota, 429, {"Retry-After": "3600"}),
        (Reused, 409, {}),
    ):
        app.add_exception_handler(error, _telling(status, headers))
    app.add_exception_handler(Refused, _telling(422, {}))
    # such as a zero byte in a path, which PostgreSQL does not take
    unfit = _problem(422, "请求里有数据库不收的字符或数。")
    app.add_exception_handler(sql.exc.DataError, lambda _, __: unfit)
    storing(app, _problem(503, STUCK, RETRY))
    app.add_exception_handler(Busy, lambda _, __: _problem(429, BUSY, RETRY))
    # Starlette's, which FastAPI raises too, for a body that nobody can read
    app.add_exception_handler(optional("starlette.exceptions").HTTPException, _http)
    app.add_exception_handler(fastapi.exceptions.RequestValidationError, _invalid)
    app.add_exception_handler(404, _http)
    app.add_exception_handler(405, _http)
    # Starlette answers it outside of all middleware, so also of ``Guard``
    broken = _problem(500, "内部错误，已记入日志。", HEADERS | FRESH)
    app.add_exception_handler(500, lambda _, __: broken)
    app.add_middleware(Timed, pace=pace)  # inside: what is refused does not count
    app.add_middleware(
        Guard,
        project=project,
        accounts=accounts,
        most={"/login": 4_096, **(most or {})},
        public=("/login.css", "/health", *public),
    )
    return app


def storing(app: Any, answer: Any) -> None:
    """Give ``answer`` where nothing can be stored: a full disk, a database away."""

    def tell(_: Any, error: Exception) -> Any:
        if isinstance(error, OSError) and error.errno not in FULL:
            raise error
        log.error("nothing can be stored: %s", getattr(error, "orig", error))
        return answer

    for kind in (sql.exc.OperationalError, OSError):
        app.add_exception_handler(kind, tell)


def asking(accounts: Accounts, project: str) -> Callable[[Any], Account]:
    """Return what FastAPI depends on to know who asks: by bearer key or by cookie."""

    def who(request: Request) -> Account:
        if key := _bearer(request):
            return accounts.by_key(key, source_of(request))
        found = accounts.by_token(request.cookies.get(f"{project}_session"))
        if found is None:
            raise fastapi.HTTPException(401, "请先登录，或带上密钥。")
        return found

    return who


def for_admins(account: Account) -> Account:
    """Let only an administrator pass."""
    if account.role != "admin":
        raise fastapi.HTTPException(403, "只有管理员可以。")
    return account


@contextmanager
def one_more(under_way: Counter[int], account: Account, most: int) -> Iterator[None]:
    """Count a request of an account for as long as the block lasts.

    Raises:
        Busy: ``most`` of its requests are under way.
    """
    if under_way[account.id] >= most:
        raise Busy(f"{most} requests of this account are under way")
    under_way[account.id] += 1
    try:
        yield
    finally:
        under_way[account.id] -= 1


def foreign(request: Any, cookie: str = "") -> bool:
    """Tell whether another site makes a browser send this; no GET is.

    ``cookie`` names that of the session: what has it is from a browser, and so foreign
    where no header says where it comes from.
    """
    if request.method in SAFE or _bearer(request):
        return False
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] != request.headers.get("host")
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    return cookie in request.cookies


def called(request: Any, names: Collection[str]) -> bool:
    """Tell whether a request calls this server by one of ``names``, in small letters.

    Where there is no login, a page elsewhere could have its own name resolved to this
    machine (DNS rebinding), and then be of one origin with it; but the name stays its.
    """
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname in names
    except ValueError:  # such as half a bracket
        return False


def _bearer(request: Any) -> str:
    """The key that a program sends, as no browser does by itself."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


def source_of(request: Any) -> str:
    """The place a request comes from, for limits and for the audit log."""
    return request.client.host if request.client else ""


def serve(app: Any, host: str, port: int, *, close: Callable[[], None]) -> None:
    """Serve until a signal comes, then ``close`` and end the process.

    A job that still runs does not hold the process up: the next start takes it up.
    """
    uvicorn, code = optional("uvicorn"), 0
    # uvicorn ends, and then lets the signal end the process: as Ctrl-C, ``close`` runs
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=5,  # a page that listens does not hold it up
        )
    except SystemExit as failed:  # it could not begin, and has said why
        code = failed.code
    finally:
        close()
    os._exit(code)


BUSY = "等待的任务太多，请过一会儿再试。"
STUCK = "没有存下：磁盘满了，或数据库没有应答。请告诉管理员，过一会儿再试。"
_WORDS = {404: "没有这个内容。", 405: "这个地址不接受这种请求。"}


def _problem(status: int, told: str, headers: dict[str, str] | None = None) -> Any:
    told = told.encode(errors="replace").decode()  # it may quote half a character
    return fastapi.responses.JSONResponse({"error": told}, status, headers)


def _telling(status: int, headers: dict[str, str]) -> Callable[[Any, Exception], Any]:
    return lambda _, error: _problem(status, str(error), headers)


def _http(_: Any, error: Any) -> Any:
    told = str(error.detail)
    if told.isascii():  # a library's words
        told = _WORDS.get(error.status_code, "请求不对，没有接受。")
    return _problem(error.status_code, told, error.headers)


def _invalid(_: Any, error: Any) -> Any:
    where = [
        "、".join(str(part)[:40] for part in e["loc"][1:]) for e in error.errors()[:10]
    ]
    return _problem(
        422, f"请求不对，请检查：{'；'.join(filter(None, where)) or '内容'}。"
    )
