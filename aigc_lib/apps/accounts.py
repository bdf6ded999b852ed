"""Who may do what: accounts with keys, sessions, quota a day, and what each one did.

A key is shown once and kept as an argon2 hash. A page logs in with it and gets a
session cookie, whose token is kept as a hash as well; a program sends the key as a
bearer. Of wrong keys from one place only so many are looked at.
"""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
import threading
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..arguments import finite, whole
from ..runtime import optional
from .database import TABLES, first, insert, now, rows, sql

ROLES = ("user", "agent", "admin")
QUOTA = 1_000  # a day
SESSION = 12 * 3600.0  # seconds
WRONG, WITHIN = 10, 600.0  # wrong keys from one place within seconds
UNKNOWN = "name={!r}: there is no such account, or it is closed"
KEY = re.compile(r"aigc-(\d{1,9})-([A-Za-z0-9_-]{43})")

ACCOUNTS = sql.Table(
    "accounts",
    TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.String(40), nullable=False, unique=True),
    sql.Column("role", sql.String(10), nullable=False),
    sql.Column("key_hash", sql.Text, nullable=False),
    sql.Column("quota", sql.Integer, nullable=False),
    sql.Column("created", sql.Float, nullable=False),
    sql.Column("closed", sql.Float),
)
SESSIONS = sql.Table(
    "sessions",
    TABLES,
    sql.Column("token_hash", sql.String(64), primary_key=True),
    sql.Column("account", sql.ForeignKey(ACCOUNTS.c.id), nullable=False),
    sql.Column("expires", sql.Float, nullable=False),
)
SPENT = sql.Table(
    "spent",
    TABLES,
    sql.Column("account", sql.ForeignKey(ACCOUNTS.c.id), primary_key=True),
    sql.Column("day", sql.String(10), primary_key=True),
    sql.Column("n", sql.Integer, nullable=False),
)
AUDIT = sql.Table(
    "audit",
    TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("at", sql.Float, nullable=False),
    sql.Column("account", sql.ForeignKey(ACCOUNTS.c.id)),
    sql.Column("action", sql.String(40), nullable=False),
    sql.Column("source", sql.String(64), nullable=False),
    sql.Column("what", sql.JSON, nullable=False),
    sql.Index("audit_recent", "action", "at"),
)


class Account(NamedTuple):
    """Who asks: ``role`` is one of ``ROLES``, ``quota`` is a day's."""

    id: int
    name: str
    role: str
    quota: int


class WrongKey(PermissionError):
    """No account has this key, or it was closed."""


class TooManyTries(RuntimeError):
    """So many wrong keys came from one place that it has to wait."""


class OverQuota(RuntimeError):
    """More than the account may use today; ``left`` says how much it still may."""

    def __init__(self, left: int):
        super().__init__(f"今天的额度还剩 {left}，不够这次用。")
        self.left = left


class Accounts:
    """The accounts in the database of ``made``, an engine that ``upgrade`` has seen."""

    def __init__(self, made: Any):
        self.engine = made
        self._known: dict[str, tuple[int, str]] = {}  # keys whose argon2 was right
        self._lock = threading.Lock()

    def add(self, name: str, role: str = "user", quota: int = QUOTA) -> str:
        """Make an account and return its key, which nobody can see again.

        Raises:
            ValueError: a name that is taken or no name, a role that is none, a quota
                below 0 or beyond 31 bits.
        """
        if not re.fullmatch(r"[\w.-]{1,40}", name):
            raise ValueError(
                f"name={name!r}: give 1 to 40 letters, digits, dots, dashes"
            )
        if role not in ROLES:
            raise ValueError(f"role={role!r}: choose one of {', '.join(ROLES)}")
        secret = secrets.token_urlsafe(32)
        quota = int(finite("quota", whole("quota", quota), least=0, below=2**31))
        values = {"name": name, "role": role, "quota": quota, "key_hash": _hash(secret)}
        store = insert(self.engine, ACCOUNTS).values(**values, created=now(self.engine))
        store = store.on_conflict_do_nothing().returning(ACCOUNTS.c.id)
        with self.engine.begin() as connection:
            number = connection.scalar(store)
            if number is None:
                raise ValueError(f"name={name!r} is taken: choose another")
            self.note(number, "account.add", {"role": role}, connection=connection)
        return f"aigc-{number}-{secret}"

    def renew(self, name: str) -> str:
        """Give an account another key; the old one and its sessions end.

        Raises:
            ValueError: there is no such account, or it is closed.
        """
        secret = secrets.token_urlsafe(32)
        number = self._change(name, "account.renew", key_hash=_hash(secret))
        return f"aigc-{number}-{secret}"

    def close(self, name: str) -> None:
        """Let an account in no more; what it made stays.

        Raises:
            ValueError: there is no such account, or it is closed.
        """
        self._change(name, "account.close", closed=now(self.engine))

    def all(self) -> list[dict[str, Any]]:
        """Every account, without its hash."""
        table = ACCOUNTS.c
        wanted = sql.select(
            table.id, table.name, table.role, table.quota, table.created, table.closed
        )
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(table.id))

    def by_key(self, key: str, source: str = "") -> Account:
        """Find the account of a key that came from ``source``.

        Raises:
            WrongKey: there is none.
            TooManyTries: too many wrong ones came from there.
        """
        parts = KEY.fullmatch(key)
        digest = hashlib.sha256(key.encode()).hexdigest()
        row = self._row(int(parts[1])) if parts else None
        if row and self._known.get(digest) == (row["id"], row["key_hash"]):
            return _account(row)
        self._slow_down(source)
        if row is None or not _matches(row["key_hash"], parts[2]):
            told = {"account": int(parts[1]) if parts else None}
            self.note(None, "key.wrong", told, source)
            raise WrongKey("密钥不对，或账号已关闭。")
        with self._lock:
            if len(self._known) >= 10_000:
                self._known.clear()
            self._known[digest] = row["id"], row["key_hash"]
        return _account(row)

    def by_name(self, name: str) -> Account:
        """The account of this name.

        Raises:
            ValueError: there is none, or it is closed.
        """
        table = ACCOUNTS.c
        wanted = sql.select(ACCOUNTS).where(table.name == name, table.closed.is_(None))
        with self.engine.connect() as connection:
            row = first(connection, wanted)
        if row is None:
            raise ValueError(UNKNOWN.format(name))
        return _account(row)

    def login(self, key: str, source: str = "") -> str:
        """Begin a session with a key; returns the token for the cookie.

        Raises:
            WrongKey, TooManyTries: as ``by_key``.
        """
        account = self.by_key(key, source)
        token = secrets.token_urlsafe(32)
        with self.engine.begin() as connection:
            over = SESSIONS.c.expires < now(self.engine)
            connection.execute(sql.delete(SESSIONS).where(over))
            connection.execute(
                sql.insert(SESSIONS).values(
                    token_hash=hashlib.sha256(token.encode()).hexdigest(),
                    account=account.id,
                    expires=now(self.engine) + SESSION,
                )
            )
            self.note(account.id, "login", {}, source, connection=connection)
        return token

    def by_token(self, token: str | None) -> Account | None:
        """The account of a session, or None where it is over."""
        if not token:
            return None
        digest = hashlib.sha256(token.encode()).hexdigest()
        wanted = (
            sql.select(ACCOUNTS)
            .join(SESSIONS, SESSIONS.c.account == ACCOUNTS.c.id)
            .where(SESSIONS.c.token_hash == digest)
            .where(SESSIONS.c.expires > now(self.engine), ACCOUNTS.c.closed.is_(None))
        )
        with self.engine.connect() as connection:
            row = first(connection, wanted)
        return _account(row) if row else None

    def logout(self, token: str) -> None:
        """End a session."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        with self.engine.begin() as connection:
            gone = SESSIONS.c.token_hash == digest
            connection.execute(sql.delete(SESSIONS).where(gone))

    def spend(self, connection: Any, account: Account, n: int) -> None:
        """Take ``n`` of what an account may use today, in the caller's transaction.

        Raises:
            OverQuota: that is more than is left; let it undo the transaction.
        """
        store = insert(self.engine, SPENT).values(account=account.id, day=_today(), n=n)
        store = store.on_conflict_do_update(
            index_elements=["account", "day"], set_={"n": SPENT.c.n + n}
        )
        used = connection.scalar(store.returning(SPENT.c.n))
        if used > account.quota:
            raise OverQuota(max(account.quota - used + n, 0))

    def left(self, account: Account) -> int:
        """How much an account may still use today."""
        table = SPENT.c
        wanted = sql.select(table.n).where(
            table.account == account.id, table.day == _today()
        )
        with self.engine.connect() as connection:
            return max(account.quota - (connection.scalar(wanted) or 0), 0)

    def note(
        self,
        account: int | None,
        action: str,
        what: dict[str, Any] | None = None,
        source: str = "",
        *,
        connection: Any = None,
    ) -> None:
        """Write in the audit log what an account did, in the transaction if given."""
        values = {"account": account, "action": action, "what": what or {}}
        store = sql.insert(AUDIT).values(
            **values, source=source[:64], at=now(self.engine)
        )
        if connection is not None:
            connection.execute(store)
            return
        with self.engine.begin() as own:
            own.execute(store)

    def audit(
        self, most: int = 200, account: int | None = None
    ) -> list[dict[str, Any]]:
        """The latest lines of the audit log, newest first, with the accounts' names."""
        wanted = sql.select(AUDIT, ACCOUNTS.c.name).outerjoin(
            ACCOUNTS, AUDIT.c.account == ACCOUNTS.c.id
        )
        if account is not None:
            wanted = wanted.where(AUDIT.c.account == account)
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(AUDIT.c.id.desc()).limit(most))

    def _row(self, number: int) -> dict[str, Any] | None:
        table = ACCOUNTS.c
        wanted = sql.select(ACCOUNTS).where(table.id == number, table.closed.is_(None))
        with self.engine.connect() as connection:
            return first(connection, wanted)

    def _change(self, name: str, action: str, **values: Any) -> int:
        table = ACCOUNTS.c
        change = sql.update(ACCOUNTS).where(table.name == name, table.closed.is_(None))
        with self.engine.begin() as connection:
            number = connection.scalar(change.values(**values).returning(table.id))
            if number is None:
                raise ValueError(UNKNOWN.format(name))
            mine = SESSIONS.c.account == number
            connection.execute(sql.delete(SESSIONS).where(mine))
            self.note(number, action, connection=connection)
        return number

    def _slow_down(self, source: str) -> None:
        table = AUDIT.c
        wanted = sql.select(sql.func.count()).where(
            table.action == "key.wrong",
            table.source == source[:64],
            table.at > now(self.engine) - WITHIN,
        )
        with self.engine.connect() as connection:
            if connection.scalar(wanted) >= WRONG:
                raise TooManyTries("密钥错得太多次，请十分钟后再试。")


def turn(connection: Any, account: int) -> None:
    """Let others who ask for a turn of this account wait for the commit."""
    mine = sql.update(ACCOUNTS).where(ACCOUNTS.c.id == account)
    connection.execute(mine.values(role=ACCOUNTS.c.role))


def _account(row: dict[str, Any]) -> Account:
    return Account(row["id"], row["name"], row["role"], row["quota"])


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@functools.cache
def _hasher() -> Any:
    """argon2id as OWASP asks for at least: 19 MiB, two passes."""
    argon2 = optional("argon2", install="argon2-cffi")
    return argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _hash(secret: str) -> str:
    return _hasher().hash(secret)


def _matches(key_hash: str, secret: str) -> bool:
    try:
        return _hasher().verify(key_hash, secret)
    except optional("argon2", install="argon2-cffi").exceptions.VerifyMismatchError:
        return False
