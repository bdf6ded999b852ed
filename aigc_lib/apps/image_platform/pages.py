"""The pages of the platform: made on the server, escaped, with our own scripts."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from ...runtime import optional
from ..accounts import Account
from ..jobs import progress
from ..web import asking
from .platform import COST_TRAIN, PROJECT, TITLE, Platform
from .store import GRACE, PAGE
from .studio import MOST_N
from .trainer import GATE
from .upload import shown
from .wishes import REASONS

fastapi = optional("fastapi")
Request = fastapi.Request  # where FastAPI looks up the annotations

HERE = Path(__file__).parent
STATES = {
    "waiting": "等待",
    "running": "进行中",
    "done": "完成",
    "failed": "失败",
    "cancelled": "已取消",
}
KINDS = {
    "make": "生成",
    "edit": "编辑",
    "edit_long": "编辑",
    "train": "训练",
    "house": "准备模型",
}
ACTIONS = {
    "make": "生成",
    "paint": "重画一部分",
    "vary": "变化",
    "change": "换类别",
    "walk": "走向另一张",
    "move": "沿方向移动",
}
DEEDS = {
    "login": "登录",
    "make": "生成",
    "edit": "编辑",
    "edit_long": "编辑",
    "train": "训练",
    "upload": "上传图片",
    "album.delete": "删除一批图片",
    "publish": "公开模型",
    "feedback": "反馈",
    "export": "导出",
    "import": "导入",
    "job.cancel": "取消任务",
    "job.stop": "停下任务",
    "picture.favourite": "收藏",
    "picture.delete": "删除图",
    "picture.restore": "恢复图",
    "account.add": "建立账号",
    "account.renew": "换密钥",
    "account.close": "关闭账号",
    "key.wrong": "密钥不对",
}
FILES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_pages(app: Any, platform: Platform) -> None:
    """Add the pages to the application of the service."""
    store, jobs = platform.store, platform.jobs
    who = fastapi.Depends(asking(platform.accounts, PROJECT))
    words = _words()

    def page(name: str, account: Account | None, **told: Any) -> Any:
        left = platform.accounts.left(account) if account else 0
        html = words.get_template(name).render(
            account=account, left=left, page=name, **told
        )
        return fastapi.responses.HTMLResponse(html)

    def models(account: Account) -> list[dict[str, Any]]:
        found = store.models(account.id)
        return sorted(found, key=lambda m: (m["edits"], m["size"]), reverse=True)

    @app.get("/static/{name}")
    def static(name: str) -> Any:
        path = HERE / "static" / name
        inside = path.parent == HERE / "static"  # on Windows a name may hold ..\\
        if not inside or path.suffix not in FILES or not path.is_file():
            raise fastapi.HTTPException(404, "没有这个内容。")
        headers = {"cache-control": "no-cache"}
        data = path.read_bytes()
        return fastapi.Response(data, media_type=FILES[path.suffix], headers=headers)

    @app.get("/")
    def make(account: Account = who) -> Any:
        latest, _ = store.search(account.id)
        house = [progress(row) for row in platform.preparing()]
        return page(
            "make.html",
            account,
            models=models(account),
            latest=latest[:12],
            house=house,
            most=MOST_N,
        )

    @app.get("/gallery")
    def gallery(
        request: Request,
        label: Annotated[str, fastapi.Query(max_length=80)] = "",
        model: str = "",
        since: str = "",
        until: str = "",
        favourites: bool = False,
        deleted: bool = False,
        alike: str = "",
        number: Annotated[int, fastapi.Query(ge=1, le=100_000, alias="page")] = 1,
        account: Account = who,
    ) -> Any:
        asked = {
            "label": shown(label),
            "model": _number(model),
            "since": _day(since),
            "until": _day(until, after=1),
            "favourites": favourites,
            "deleted": deleted,
        }
        if (like := _number(alike)) is not None:
            found = store.alike(account.id, like)
            total = len(found)
        else:
            found, total = store.search(account.id, **asked, page=number)
        form = {k: v for k, v in request.query_params.items() if k != "page"}
        return page(
            "gallery.html",
            account,
            models=models(account),
            pictures=found,
            total=total,
            number=number,
            pages=-(-total // PAGE),
            form=form,
            grace=int(GRACE // 86_400),
        )

    @app.get("/pictures/{number}")
    def picture(
        number: Annotated[int, fastapi.Path(ge=1, lt=2**31)], account: Account = who
    ) -> Any:
        row = store.picture(number, account.id)
        if row is None or not row["blob"]:
            raise fastapi.HTTPException(404, "没有这张图。")
        model = row["model"] and store.model(row["model"], account.id)
        others: list = []
        if model and model["edits"]:
            others, _ = store.search(account.id, model=model["id"])
            others = [other for other in others if other["id"] != number]
        return page(
            "picture.html",
            account,
            picture=row,
            model=model,
            others=others,
            alike=store.alike(account.id, number)[:8],
            reasons=REASONS,
            most=MOST_N,
            recipe=json.dumps(row["recipe"], ensure_ascii=False, indent=1),
            opinion=store.opinion(number, account.id),
            **store.family(number, account.id),
        )

    @app.get("/train")
    def train(account: Account = who) -> Any:
        mine = [row for row in models(account) if row["account"] == account.id]
        open_ones = [
            progress(row)
            for row in jobs.latest(account.id)
            if row["kind"] == "train" and row["state"] in ("waiting", "running")
        ]
        return page(
            "train.html",
            account,
            albums=store.albums(account.id),
            mine=mine,
            jobs=open_ones,
            gate=GATE.rules,
            cost=COST_TRAIN,
        )

    @app.get("/jobs")
    def work(account: Account = who) -> Any:
        found = [progress(row) for row in jobs.latest(account.id, 50)]
        return page("jobs.html", account, jobs=found)

    @app.get("/check")
    def check(request: Request) -> Any:
        token = request.cookies.get(f"{PROJECT}_session")
        return page("check.html", platform.accounts.by_token(token))

    @app.get("/account")
    def about(account: Account = who) -> Any:
        rules = account.role == "admin"
        return page(
            "account.html",
            account,
            audit=platform.accounts.audit(100, None if rules else account.id),
            everybody=platform.accounts.all() if rules else [],
            cost=COST_TRAIN,
        )


def _words() -> Any:
    """The templates; what they show is escaped."""
    jinja2 = optional("jinja2")
    loader = jinja2.FileSystemLoader(HERE / "pages")
    words = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    words.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    words.globals |= {"title": TITLE, "actions": ACTIONS, "states": STATES}
    words.globals |= {"kinds": KINDS, "deeds": DEEDS}
    words.filters["when"] = _when
    return words


def _when(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M UTC%z")


def _number(text: str) -> int | None:
    """The number of a row, or None for what is none."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _day(text: str, after: int = 0) -> float | None:
    """Seconds since 1970 of the beginning of a day, or None for no day.

    The days are those of the machine's time zone; ``after`` of them are added.
    """
    try:
        day = date.fromisoformat(text) + timedelta(days=after)
        return datetime(day.year, day.month, day.day).timestamp()
    except (ValueError, OverflowError):
        return None
