"""The desk at work: messages come in, the assistant answers, people take over."""

from __future__ import annotations

import logging
import threading
import unicodedata
from collections.abc import Callable
from typing import Any

from ..accounts import Account
from ..refused import Refused
from .brain import Brain
from .conversations import Closed, Conversations, Taken
from .dialogue import Dialogue
from .known import Known

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between looks for what a killed process left
PERSON = "我要人工客服"
FIXED = {
    "asked": "好的，正在为您转接人工客服。排队时可以继续留言，客服会看到全部记录。",
    "error": "对不起，这个问题系统没有处理好，已为您转接人工客服。",
}
JOINED, LEFT = "人工客服已接入。", "人工客服已离开，接下来由自动助手回答。"
BACK, ENDED = "您已取消排队，接下来由自动助手回答。", "对话已结束。"


class Desk:
    """Conversations, what is known, and whoever answers: all that the pages call."""

    def __init__(self, conversations: Conversations, known: Known, brain: Brain):
        self.conversations, self.known, self.brain = conversations, known, brain
        self._busy: set[str] = set()
        self._stop = threading.Event()

    def start(self) -> None:
        """Make the assistant ready, and look for what other processes left."""
        self.brain.start()
        threading.Thread(target=self._look, daemon=True).start()

    def stop(self) -> None:
        """End the looking; what waits is dealt with by another process or later."""
        self._stop.set()

    # ---- the machine -----------------------------------------------------------------

    def deal(self, identity: str) -> bool:
        """Deal with all messages of a conversation that wait, the oldest first.

        False: the assistant is not ready, they wait on. May be called at once by many
        threads and processes: each message is dealt with once.
        """
        self._busy.add(identity)
        try:
            while work := self.conversations.work(identity):
                thought = self._think(work)
                if thought is None:
                    return False
                values, answer = thought
                self.conversations.change(work.conversation, message=answer, **values)
            return True
        finally:
            self._busy.discard(identity)

    def _think(self, work: Any) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
        """What becomes of a message: columns of the conversation, and the answer."""
        row, message = work.conversation, work.message
        dialogue, text = Dialogue.from_json(row["dialogue"]), message["text"]
        number = message["number"]
        if row["state"] != "open":  # a person answers, or the customer has left
            said = dialogue.said("customer", text).to_json()
            return {"done": number, "dialogue": said}, None
        handoff = "asked" if message["told"].get("person") else None
        answers = None if handoff else self.brain.get(work.marks)
        if answers is None and not work.person:
            return None
        if answers is None:  # a person was called, who reads all that waited
            handoff = "asked"
        else:
            try:
                turn = answers.reply(dialogue, text, orders=work.orders)
            except Exception:  # one message must not hold up all that follow
                log.exception("no reply to message %s of %s", number, row["id"])
                handoff = "error"
            else:
                told = turn.to_json()
                for name in ("dialogue", "text"):
                    told.pop(name, None)
                values = {"done": number, "dialogue": turn.dialogue.to_json()}
                if turn.handoff:
                    values |= {"state": "waiting", "reason": turn.handoff}
                return values, _answer(turn.text, number, told)
        dialogue = dialogue.said("customer", text).said("assistant", FIXED[handoff])
        values = {
            "done": number,
            "dialogue": dialogue.to_json(),
            "state": "waiting",
            "reason": handoff,
        }
        told = {"kind": "handoff", "sources": [], "handoff": handoff}
        return values, _answer(FIXED[handoff], number, told)

    def _look(self) -> None:
        while not self._stop.wait(LOOK):
            try:
                found = self.conversations.overdue()
            except Exception:  # such as a database that is away for a while
                log.exception("looking for what waits failed, trying again")
                continue
            for identity in found:
                try:
                    if identity not in self._busy:
                        self.deal(identity)
                except Exception:  # one conversation does not hold up the others
                    log.exception("conversation %s waits, trying again", identity)

    # ---- the customer ----------------------------------------------------------------

    def end(self, identity: str) -> None:
        """The customer has no more to ask."""

        def ended(row: dict[str, Any]) -> dict[str, Any]:
            if row["state"] == "closed":
                raise Closed(ENDED)
            return {"state": "closed", "message": _note(ENDED)}

        self._change(identity, ended)

    def go_back(self, identity: str) -> None:
        """The customer waits for a person no more."""

        def back(row: dict[str, Any]) -> dict[str, Any]:
            if row["state"] != "waiting":
                raise Taken("现在没有在排队。")
            return {**_given_back(row), "message": _note(BACK)}

        self._change(identity, back)

    # ---- the agent -------------------------------------------------------------------

    def take(self, identity: str, agent: Account) -> None:
        """A person answers from now on.

        An administrator may take over from an agent, who may be gone.

        Raises:
            Taken: somebody else does, or the conversation is over.
        """

        def taken(row: dict[str, Any]) -> dict[str, Any]:
            if not may_take(row, agent):
                over = row["state"] == "closed"
                raise Taken("对话已结束。" if over else "这次对话已有人接手。")
            return {"state": "taken", "agent": agent.id, "message": _note(JOINED)}

        self._change(identity, taken, (agent.id, "take"))

    def give_back(self, identity: str, agent: Account) -> None:
        """The machine answers again."""

        def back(row: dict[str, Any]) -> dict[str, Any]:
            _own(row, agent)
            return {**_given_back(row), "message": _note(LEFT)}

        self._change(identity, back, (agent.id, "give.back"))

    def say(self, identity: str, agent: Account, text: str, key: str) -> None:
        """Say something to the customer; the same ``key`` says it once.

        Raises:
            Taken: the conversation is not this agent's.
            Refused: the key was used for another text.
        """
        self.deal(identity)  # what the customer wrote before stands before it

        def said(row: dict[str, Any]) -> dict[str, Any]:
            _own(row, agent)
            dialogue = Dialogue.from_json(row["dialogue"]).said("agent", text)
            words = {"role": "agent", "author": agent.id, "text": text}
            words["key"] = f"{agent.id}:{key}"
            return {"dialogue": dialogue.to_json(), "message": words}

        self._change(identity, said, (agent.id, "say"))

    def close(self, identity: str, agent: Account) -> None:
        """End a conversation that one has."""

        def closed(row: dict[str, Any]) -> dict[str, Any]:
            _own(row, agent)
            return {"state": "closed", "message": _note(ENDED)}

        self._change(identity, closed, (agent.id, "close"))

    def suggestions(self, identity: str, n: int = 3) -> list[dict[str, Any]] | None:
        """What an agent could answer to the customer's last words; None: not ready."""
        row = self.conversations.get(identity)
        marks = {name: self.known.mark(name) for name in ("entries", "model")}
        answers = self.brain.get(marks)
        if row is None or answers is None:
            return None
        orders = self.known.orders(row["account"])
        dialogue = Dialogue.from_json(row["dialogue"])
        found = answers.suggest(dialogue, n=n, orders=orders)
        return [one.to_json() for one in found]

    def _change(
        self,
        identity: str,
        wanted: Callable[[dict[str, Any]], dict[str, Any]],
        audit: tuple[int, str] | None = None,
    ) -> None:
        """Change a conversation as ``wanted`` says, however it moves meanwhile."""
        while True:
            row = self.conversations.get(identity)
            if row is None:
                raise Refused("没有这次对话。")
            if self.conversations.change(row, audit=audit, **wanted(row)):
                return


def may_take(row: dict[str, Any], agent: Account) -> bool:
    """Whether a conversation is free; for an administrator another's is as well."""
    others = row["state"] == "taken" and row["agent"] != agent.id
    return row["state"] in ("open", "waiting") or (others and agent.role == "admin")


def checked_text(text: Any, most: int) -> str:
    """Return what somebody wrote, plain: no control characters, not too long.

    Raises:
        Refused: nothing, too much, or no text.
    """
    if not isinstance(text, str):
        raise Refused("请发送文字。")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("文字里有半个字符，请重新输入。") from None
    kept = (
        c if c == "\n" or unicodedata.category(c) != "Cc" else " "
        for c in text.replace("\r\n", "\n")
    )
    text = "".join(kept).strip()
    if all(c.isspace() or unicodedata.category(c) == "Cf" for c in text):
        raise Refused("请先写点什么。")  # nothing that can be seen
    if len(text) > most:
        raise Refused(f"这条消息有 {len(text)} 字，最多 {most} 字，请分几条发。")
    return text


def _answer(text: str, answers: int, told: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "text": text, "answers": answers, "told": told}


def _note(text: str) -> dict[str, Any]:
    return {"role": "note", "text": text}


def _given_back(row: dict[str, Any]) -> dict[str, Any]:
    dialogue = Dialogue.from_json(row["dialogue"]).given_back().to_json()
    return {"state": "open", "agent": None, "reason": None, "dialogue": dialogue}


def _own(row: dict[str, Any], agent: Account) -> None:
    if row["state"] != "taken" or row["agent"] != agent.id:
        raise Taken("请先接手这次对话。")
