"""A service desk whose assistant follows rules: quick, and it tells what it knows."""

import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.blobs import Blobs
from aigc_lib.apps.database import engine, upgrade
from aigc_lib.apps.service_desk.answers import Source
from aigc_lib.apps.service_desk.brain import Brain
from aigc_lib.apps.service_desk.conversations import Conversations, Limits
from aigc_lib.apps.service_desk.desk import Desk
from aigc_lib.apps.service_desk.dialogue import Found, Suggestion, Turn
from aigc_lib.apps.service_desk.knowledge import checked_entry
from aigc_lib.apps.service_desk.known import Known
from aigc_lib.apps.service_desk.service import service
from aigc_lib.apps.service_desk.tables import VERSIONS
from aigc_lib.apps.service_desk.voices import Voices
from aigc_lib.apps.web import serve

ENTRIES = [
    {
        "id": "ship",
        "title": "什么时候发货",
        "text": "现货当天发出。",
        "intent": "催发货",
    },
    {
        "id": "refund",
        "title": "退款多久到账",
        "text": "退款三天到账。",
        "intent": "退款",
    },
]


class Rule:
    """Quotes the first entry whose title shares two letters with the question."""

    intents = ("催发货", "退款")

    def __init__(self, entries=(), version=0, pause=0.0):
        self.entries, self.version, self.pause = list(entries), version, pause

    def update(self, entries):
        self.entries = list(entries)

    def disclosure(self, language):
        return "回答您的是自动助手。"

    def find(self, text):
        def shares(entry):
            title = entry.title
            return any(title[i : i + 2] in text for i in range(len(title) - 1))

        return [e for e in self.entries if e.approved and shares(e)]

    def reply(self, dialogue, text, orders=()):
        time.sleep(self.pause)
        if text == "坏了":
            raise RuntimeError("a message that no rule can stand")
        asked = dialogue.said("customer", text)
        sources, handoff = (), None
        if "投诉" in text:
            kind, answer, handoff = "handoff", "为您转人工。", "complaint"
        elif "订单" in text:
            kind, answer = "template", "请先登录。"
            if orders is not None:
                answer = "、".join(order["item"] for order in orders) or "没有订单。"
        elif found := self.find(text):
            kind, answer = "quoted", found[0].text
            sources = (Source(found[0].id, found[0].title, found[0].text),)
        else:
            said = sum(role == "customer" for role, _ in dialogue.turns)
            kind, answer = "unknown", f"第 {said + 1} 问：我不知道。"
        found = tuple(Found(entry, 1.0) for entry in self.find(text))
        return Turn(
            answer,
            kind,
            asked.said("assistant", answer),
            sources=sources,
            handoff=handoff,
            retrieved=found,
        )

    def suggest(self, dialogue, n=3, orders=()):
        return tuple(
            Suggestion(e.text, (Source(e.id, e.title, e.text),), 1.0)
            for e in self.find(dialogue.last_question)[:n]
        )

    def taught(self, corrections):
        return Rule(self.entries, len(corrections))

    def save(self, folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, "version").write_text(str(self.version))


def rule_at(folder, say, entries, pause=0.0):
    path = Path(folder, "version")
    return Rule(entries, int(path.read_text()) if path.exists() else 0, pause)


def desk_at(folder, url=None, *, make=rule_at, limits=None, seed=ENTRIES):
    """All parts of a desk on the database at ``url``; nothing is started."""
    made = engine(url or f"sqlite:///{folder / 'desk.sqlite'}")
    upgrade(made, VERSIONS)
    accounts = Accounts(made)
    known = Known(made, accounts)
    known.seed([checked_entry(entry | {"approved": True}) for entry in seed])
    blobs = Blobs((folder / "blobs").resolve().as_uri())
    brain = Brain(known, blobs, folder / "models", make)
    desk = Desk(Conversations(made, accounts, limits), known, brain)
    app = service(desk, accounts, Voices(folder / "voices"), "小店")
    return SimpleNamespace(
        folder=folder,
        url=made.url.render_as_string(hide_password=False),
        engine=made,
        accounts=accounts,
        known=known,
        blobs=blobs,
        desk=desk,
        app=app,
    )


def ready(parts):
    """Load the assistant here and now."""
    parts.desk.brain._begin()
    return parts


def together(*jobs):
    """Run functions at the same time, and raise what one of them raises."""
    failed, gate = [], threading.Barrier(len(jobs))

    def run(job):
        try:
            gate.wait(30)
            job()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failed:
        raise failed[0]


def main(folder, url, port):
    """Serve as the real command does, with the rule that takes a moment to think."""
    limits = Limits(*[100_000] * len(Limits._fields))
    make = partial(rule_at, pause=0.02)
    parts = desk_at(Path(folder), url, make=make, limits=limits)
    parts.desk.start()
    serve(parts.app, "127.0.0.1", int(port), close=parts.desk.stop)
