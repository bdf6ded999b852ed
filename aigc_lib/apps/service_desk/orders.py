"""A customer's own orders: which one is meant, and what is told of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .answers import Source
from .phrasebook import ALSO

Order = Mapping[str, str]
PERSONAL = {"查物流", "催发货", "退款进度", "退款未到账", "查询订单"}
OWN = re.compile(
    r"我的|我那|我这|[那这哪]一?[单个]|订单号|到哪|走到|还没|还不|怎么没|没收到|"
    r"(帮|给)我.{0,3}(查|看|催)|查一?下|催一?下|\bmy\b|\bwhere is\b",
    re.IGNORECASE,
)
# The readers of intents know Chinese alone: what is asked of an order in English
STATUS = re.compile(
    r"\b(where|when|track\w*|status|arriv\w*|deliver\w*|ship\w*|dispatch\w*)\b",
    re.IGNORECASE,
)
SOON = {"待发货": "发出", "已发货": "送达"}  # what is expected of an order
NUMBERS = {"order", "tail"}  # slots that name one order
STATES = {
    "待发货": "waiting for dispatch",
    "已发货": "on its way",
    "已签收": "delivered",
    "退款中": "refund under way",
    "已退款": "refunded",
    "已取消": "cancelled",
}


def identified_in(
    orders: Sequence[Order], text: str, named: Mapping[str, str]
) -> list[Order]:
    """Find the orders that a text means, by number, tail, thing, day or amount.

    ``named`` are the slots of the text.
    """
    if "order" in named:
        return [one for one in orders if one["number"] == named["order"]]
    if "tail" in named:
        return [one for one in orders if one["number"].endswith(named["tail"])]
    alike = {
        "item": lambda one: one["item"] and one["item"] in text,
        "date": lambda one: one["ordered"] and one["ordered"] == named.get("date"),
        "amount": lambda one: one["amount"] == named.get("amount"),
    }
    for same in alike.values():
        if found := [one for one in orders if same(one)]:
            return found
    return []


def another(text: str, order: Order) -> bool:
    """Whether a text asks the same of ``order`` and says nothing else: 那扫地机呢."""
    rest = ALSO.sub("", text).replace(order["item"], "")
    rest = re.sub(r"尾号|订单号?|\d+", "", rest)
    return bool(ALSO.search(text)) and len(rest) <= 2


def order_answer(order: Order, language: str) -> tuple[Source, ...]:
    """Fill the template of an order's state, with nothing that it does not hold."""
    number, known = order["number"], {k: str(v) for k, v in order.items() if v}
    if language == "en":
        state, title = STATES[order["state"]], f"Order {number}"
        lines = [f"Order {number} ({known.get('item', '')}) is: {state}."]
        if "carrier" in known and "tracking" in known:
            lines.append(f"Carrier {known['carrier']}, number {known['tracking']}.")
        if "expected" in known and order["state"] in SOON:
            lines.append(f"Expected on {known['expected']}.")
    else:
        title = f"订单 {number}"
        lines = [f"订单 {number}（{known.get('item', '')}）的状态：{order['state']}。"]
        if "carrier" in known and "tracking" in known:
            lines.append(f"快递是{known['carrier']}，单号 {known['tracking']}。")
        if "expected" in known and order["state"] in SOON:
            lines.append(f"预计 {known['expected']} {SOON[order['state']]}。")
    return tuple(Source(f"order:{number}", title, line) for line in lines)
