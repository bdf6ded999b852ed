"""The service desk over HTTP: who may see what, and what is refused."""

import json
import queue
import threading
import time

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("fastapi")
pytest.importorskip("alembic")
pytest.importorskip("httpx")

from fastapi import testclient
from tiny_desk import desk_at, ready

from aigc_lib.apps.service_desk import speech
from aigc_lib.apps.service_desk.conversations import Limits
from aigc_lib.apps.service_desk.desk import FIXED
from aigc_lib.apps.service_desk.service import MOST, PROJECT, TALK
from aigc_lib.apps.service_desk.voices import Voices

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HOST = "http://testserver"


@pytest.fixture
def parts(tmp_path):
    return ready(desk_at(tmp_path, limits=Limits(a_minute=200)))


def browser(parts):
    """A visitor's browser: cookies of its own, and the header that browsers send."""
    client = testclient.TestClient(parts.app, raise_server_exceptions=False)
    client.headers["origin"] = HOST
    return client


def customer(parts):
    client = browser(parts)
    assert client.post("/api/conversation").status_code == 201
    return client


def logged_in(parts, name, role="user"):
    key = parts.accounts.add(name, role)
    client = browser(parts)
    answer = client.post("/login", data={"key": key}, follow_redirects=False)
    assert answer.status_code == 303
    return client


def lines(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


def send(client, text, key="k" * 8):
    return client.post("/api/messages", json={"text": text, "key": key})


def conversation(parts):
    """The id of the newest conversation, which only the desk sees."""
    talks = parts.desk.conversations.listed("open", "waiting", "taken", "closed")
    return max(talks, key=lambda talk: talk["at"])["id"]


# ---- the customer --------------------------------------------------------------------


def test_a_question_is_accepted_then_answered(parts):
    client = customer(parts)
    answer = send(client, "什么时候发货")
    assert answer.status_code == 202
    accepted, message, state = lines(answer)
    assert accepted == {"accepted": 1}
    assert message["message"]["text"] == "现货当天发出。"
    assert message["message"]["sources"] == [
        {"title": "什么时候发货", "sentence": "现货当天发出。"}
    ]
    assert (state["state"], state["unanswered"]) == ("open", False)
    again = lines(send(client, "什么时候发货"))
    assert again == [accepted, message, state]  # the same key: nothing new
    shown = client.get("/api/conversation", params={"after": 1}).json()
    assert [one["number"] for one in shown["messages"]] == [2]
    assert shown["disclosure"] == "回答您的是自动助手。"


def test_a_reload_goes_on_and_nobody_else_sees_it(parts):
    client = customer(parts)
    send(client, "什么时候发货")
    reloaded = browser(parts)
    reloaded.cookies = client.cookies
    assert len(reloaded.get("/api/conversation").json()["messages"]) == 2
    for stranger in (browser(parts), customer(parts)):
        told = stranger.get("/api/conversation").json()
        assert told["messages"] == []
        assert "发货" not in json.dumps(told, ensure_ascii=False)
    guess = browser(parts)
    guess.cookies.set(TALK, conversation(parts))  # the id is not the token
    assert guess.get("/api/conversation").json()["state"] is None
    assert send(guess, "在吗").status_code == 404


def test_the_cookie_cannot_be_read_or_sent_from_elsewhere(parts):
    client = browser(parts)
    cookie = client.post("/api/conversation").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    secure = testclient.TestClient(parts.app, base_url="https://testserver")
    assert "secure" in secure.post("/api/conversation").headers["set-cookie"].lower()
    token = client.cookies[TALK]
    with parts.engine.connect() as connection:  # what a thief of the database finds
        rows = connection.exec_driver_sql("SELECT token_hash FROM conversations")
        assert token not in [row[0] for row in rows]


def test_on_a_shared_computer_the_next_customer_sees_nothing(parts):
    first = logged_in(parts, "ann")
    first.post("/api/conversation")
    send(first, "什么时候发货")
    first.post("/logout")
    assert first.cookies.get(TALK)  # still there, and no longer enough
    assert first.get("/api/conversation").json()["messages"] == []
    second = logged_in(parts, "bob")
    second.cookies.set(TALK, first.cookies[TALK])
    assert second.get("/api/conversation").json()["messages"] == []


def test_personal_answers_after_a_login(parts):
    client = customer(parts)
    assert "请先登录" in send(client, "我的订单", "before00").text
    key = parts.accounts.add("ann")
    parts.known.load_orders(
        [{"customer": "ann", "number": "1", "item": "水杯", "state": "已发货"}]
    )
    client.post("/login", data={"key": key})
    found = lines(send(client, "我的订单", "after000"))
    assert found[1]["message"]["text"] == "水杯"
    assert client.get("/api/conversation").json()["customer"] == "ann"


def test_a_person_the_queue_the_end_and_the_stars(parts):
    client = customer(parts)
    answer = client.post("/api/person", json={"key": "person00"})
    assert lines(answer)[-1]["state"] == "waiting"
    assert client.post("/api/back").json()["state"] == "open"
    assert client.post("/api/back").status_code == 409
    assert client.post("/api/end").json()["state"] == "closed"
    assert send(client, "还在吗", "late0000").status_code == 409
    for wrong in ({"stars": 0}, {"stars": 6}, {"stars": 5, "remark": "x" * 501}, {}):
        assert client.post("/api/rating", json=wrong).status_code == 422
    rated = client.post("/api/rating", json={"stars": 5, "remark": SCRIPT})
    assert rated.json()["stars"] == 5
    assert client.post("/api/conversation").status_code == 201
    assert client.get("/api/conversation").json()["messages"] == []


def test_before_the_assistant_is_ready_the_page_says_what_it_does(tmp_path):
    parts = desk_at(tmp_path)
    client = customer(parts)
    assert lines(send(client, "什么时候发货"))[-1]["unanswered"]
    shown = client.get("/api/conversation").json()
    assert not shown["ready"]
    assert "正在读取模型" in shown["told"]
    assert client.get("/health").json()["ready"] is False
    assert client.get("/").status_code == 200
    ready(parts)
    parts.desk.deal(conversation(parts))
    assert len(client.get("/api/conversation").json()["messages"]) == 2


def test_an_assistant_that_cannot_be_loaded_is_said_and_people_go_on(tmp_path):
    def broken(folder, say, entries):
        raise ValueError("desk.json is not the assistant's")

    parts = ready(desk_at(tmp_path, make=broken))
    client = customer(parts)
    send(client, "什么时候发货")
    assert client.get("/api/conversation").json()["failed"]
    assert client.get("/health").json()["failed"] is True  # and no path of this machine
    answer = client.post("/api/person", json={"key": "person00"})
    assert answer.status_code == 202
    until = time.monotonic() + 30
    while (now := client.get("/api/conversation").json())["state"] != "waiting":
        assert time.monotonic() < until, now
        time.sleep(0.05)
    texts = [message["text"] for message in now["messages"]]
    assert texts.count(FIXED["asked"]) == 1


# ---- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[" * 60_000, 400),
        (b"\xff\xfe", 422),
        (json.dumps({"text": "x"}).encode(), 422),
        (json.dumps({"text": 5, "key": "k" * 8}).encode(), 422),
        (json.dumps({"text": "", "key": "k" * 8}).encode(), 422),
        (json.dumps({"text": "x" * 501, "key": "k" * 8}).encode(), 422),
        (json.dumps({"text": "x", "key": "../../etc"}).encode(), 422),
        (b'{"text": "\\ud800", "key": "kkkkkkkk"}', 422),
        (b'{"text": "' + b"x" * MOST["/"] + b'", "key": "kkkkkkkk"}', 413),
    ],
)
def test_malformed_messages_are_refused_and_store_nothing(parts, body, status):
    client = customer(parts)
    headers = {"content-type": "application/json"}
    answer = client.post("/api/messages", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert client.get("/api/conversation").json()["messages"] == []


def test_numbers_that_no_database_holds_are_refused(parts):
    client, agent = customer(parts), logged_in(parts, "kefu", "agent")
    many = 10**20
    assert client.get(f"/api/conversation?after={many}").status_code == 422
    assert client.get(f"/api/speech/{many}").status_code == 422
    entry = {"id": "x", "title": "x", "text": "x。"}
    for path, body in (
        ("conversations/x/corrections", {"number": many, "intent": "退款"}),
        ("entries", {"entry": entry, "revision": many}),
        ("entries/ship/withdraw", {"revision": many}),
    ):
        assert agent.post(f"/api/desk/{path}", json=body).status_code == 422


def test_a_body_that_never_says_how_long_it_is_is_cut(parts):
    client = customer(parts)

    def pieces():
        for _ in range(100):
            yield b"x" * 4_096

    answer = client.post("/api/messages", content=pieces())
    assert answer.status_code == 413


def test_a_flood_is_told_to_come_again(tmp_path):
    parts = ready(desk_at(tmp_path, limits=Limits(a_minute=2, an_hour=1)))
    client = customer(parts)
    assert client.post("/api/conversation").status_code == 429
    answers = [send(client, "退款", f"flood{i:03}") for i in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[-1].headers["retry-after"] == "60"
    assert "太快" in answers[-1].json()["error"]


def test_other_sites_cannot_write(parts):
    client = customer(parts)
    for header in ({"origin": "https://evil.example"}, {"origin": "null"}):
        answer = client.post("/api/end", headers=header)
        assert answer.status_code == 403
    agent = logged_in(parts, "kefu", "agent")
    entry = {"entry": {"id": "x", "title": "x", "text": "x。"}}
    answer = agent.post(
        "/api/desk/entries", json=entry, headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    del agent.headers["origin"]  # an old browser that says nothing
    assert agent.post("/api/desk/entries", json=entry).status_code == 403
    assert parts.known.listed("x。") == []


def test_a_refusal_may_quote_half_a_character(parts):
    agent = logged_in(parts, "kefu", "agent")
    for entry in ({"\ud800": 1}, {"id": "x", "title": "x", "language": "\ud800"}):
        body = json.dumps({"entry": entry})
        headers = {"content-type": "application/json"}
        answer = agent.post("/api/desk/entries", content=body, headers=headers)
        assert answer.status_code == 422
        assert "\ud800" not in answer.json()["error"]


def test_what_comes_out_is_text_and_the_page_runs_nothing_else(parts):
    client = customer(parts)
    answer = send(client, SCRIPT)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.headers["x-content-type-options"] == "nosniff"
    shown = client.get("/api/conversation")
    assert shown.headers["content-type"] == "application/json"
    assert shown.json()["messages"][0]["text"] == SCRIPT
    policy = client.get("/chat").headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")  # of scripts as well
    assert "script-src" not in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["..%2fservice.py", "../service.py", "none.js", "%00"])
def test_a_path_in_a_name_leads_nowhere(parts, path):
    assert browser(parts).get(f"/pages/{path}").status_code == 404


# ---- agents --------------------------------------------------------------------------

READS = ["/api/desk", "/api/desk/entries", "/api/desk/conversations/{id}"]
READS += ["/api/desk/conversations/{id}/suggestions"]
WRITES = ["/api/desk/entries", "/api/desk/entries/ship/approve"]
WRITES += ["/api/desk/entries/ship/withdraw"]
WRITES += [f"/api/desk/conversations/{{id}}/{w}" for w in ("take", "back", "close")]
WRITES += [f"/api/desk/conversations/{{id}}/{w}" for w in ("messages", "corrections")]
WRITES += ["/api/desk/doubts"]


@pytest.mark.parametrize("who", ["stranger", "customer", "wrong key"])
def test_the_desk_is_for_agents(parts, who):
    send(customer(parts), "什么时候发货")
    identity = conversation(parts)
    client = logged_in(parts, "ann") if who == "customer" else browser(parts)
    if who == "wrong key":
        client.headers["authorization"] = f"Bearer aigc-1-{'x' * 43}"
    refused = (403,) if who == "customer" else (401, 429)  # 429: too many wrong keys
    for path in READS:
        assert client.get(path.format(id=identity)).status_code in refused, path
    for path in WRITES:
        sent = client.post(path.format(id=identity), json={})
        assert sent.status_code in refused, path
    page = client.get("/desk", headers={"accept": "text/html"}, follow_redirects=False)
    assert who != "stranger" or page.headers["location"] == "/login"


def test_every_path_of_the_desk_is_tried_above(parts):
    found = set()
    for route in parts.app.routes:
        router = getattr(route, "original_router", None)  # of an included router
        for inner in router.routes if router else [route]:
            path = getattr(inner, "path", "")
            if path.startswith("/api/desk"):
                found |= {(m, path) for m in inner.methods - {"HEAD"}}
    named = [("GET", path) for path in READS] + [("POST", path) for path in WRITES]
    tried = {
        (method, path.replace("{id}", "{identity}").replace("ship", "{identity}"))
        for method, path in named
    }
    assert found == tried


def test_an_agent_takes_answers_and_gives_back(parts):
    client = customer(parts)
    send(client, "退款多久，我要投诉", "complain")
    agent = logged_in(parts, "kefu", "agent")
    listed = agent.get("/api/desk").json()
    (waiting,) = listed["waiting"]
    base = f"/api/desk/conversations/{waiting['id']}"
    assert agent.get(base).json()["reason"] == "complaint"
    hello = {"text": "您好", "key": "k" * 8}
    assert agent.post(f"{base}/messages", json=hello).status_code == 409
    (one,) = agent.get(f"{base}/suggestions").json()["suggestions"]
    assert one["text"] == "退款三天到账。"
    assert one["sources"][0]["title"] == "退款多久到账"
    assert agent.post(f"{base}/take").json()["mine"]
    shown = agent.post(f"{base}/messages", json=hello).json()
    assert shown["messages"][-1]["name"] == "kefu"
    seen = client.get("/api/conversation").json()
    assert seen["state"] == "taken"
    assert seen["messages"][-1]["text"] == "您好"
    agent.post(f"{base}/back")
    answer = lines(send(client, "什么时候发货", "again000"))[1]["message"]
    assert answer["text"] == "现货当天发出。"
    wrong = {"number": 1, "intent": "天气"}
    assert agent.post(f"{base}/corrections", json=wrong).status_code == 422
    right = {"number": 1, "intent": "退款", "entry": "refund"}
    shown = agent.post(f"{base}/corrections", json=right).json()
    assert shown["corrected"] == [right]
    assert agent.get("/api/desk/conversations/none").status_code == 404


def test_an_agent_is_warned_of_what_the_suggestion_does_not_say(parts):
    send(customer(parts), "退款多久，我要投诉", "complain")
    agent = logged_in(parts, "kefu", "agent")
    base = f"/api/desk/conversations/{conversation(parts)}"
    agent.post(f"{base}/take")
    (one,) = agent.get(f"{base}/suggestions").json()["suggestions"]

    def doubts(text):
        sent = {"text": text, "suggested": one["text"]}
        return agent.post("/api/desk/doubts", json=sent).json()["doubts"]

    assert doubts(one["text"]) == []
    assert doubts(f"您好！{one['text']}请稍等。") == []  # claims nothing more
    for lie in ("退款五天到账。", "退款三天不到账。", "由“蓝鲸”付款。"):
        assert doubts(f"您好！{lie}") == [lie]
    words = {"text": "退款五天到账。", "key": "k" * 8}  # the person decides
    shown = agent.post(f"{base}/messages", json=words).json()
    assert shown["messages"][-1]["text"] == words["text"]


def test_an_administrator_frees_what_an_agent_holds(parts):
    send(customer(parts), "退款多久，我要投诉", "complain")
    people = [("kefu", "agent"), ("kefu2", "agent"), ("boss", "admin")]
    agent, other, boss = (logged_in(parts, *one) for one in people)
    base = f"/api/desk/conversations/{conversation(parts)}"

    def may():
        return [one.get(base).json()["may_take"] for one in (agent, other, boss)]

    assert may() == [True] * 3
    assert agent.post(f"{base}/take").status_code == 200
    assert may() == [False, False, True]
    assert other.post(f"{base}/take").status_code == 409
    assert boss.post(f"{base}/take").json()["mine"]
    assert may() == [False] * 3
    assert boss.post(f"{base}/back").json()["state"] == "open"
    assert may() == [True] * 3


def test_an_agent_edits_what_is_known(parts):
    agent, client = logged_in(parts, "kefu", "agent"), customer(parts)
    entry = {"id": "cod", "title": "货到付款", "text": f"支持货到付款{SCRIPT}。"}
    row = agent.post("/api/desk/entries", json={"entry": entry}).json()
    assert not row["entry"]["approved"]  # a script talks to a machine
    assert row["suspicious"]
    path = "/api/desk/entries/cod"
    seen = {"revision": row["revision"]}
    row = agent.post(f"{path}/approve", json=seen).json()
    told = lines(send(client, "货到付款", "one00000"))[1]["message"]
    assert told["text"] == entry["text"]
    assert agent.post(f"{path}/withdraw", json=seen).status_code == 409  # an old one
    seen = {"revision": row["revision"]}
    assert not agent.post(f"{path}/withdraw", json=seen).json()["live"]
    assert "不知道" in lines(send(client, "货到付款", "two00000"))[1]["message"]["text"]
    bad = agent.post("/api/desk/entries", json={"entry": {"id": "../x"}})
    assert bad.status_code == 422
    assert agent.post("/api/desk/entries/none/approve", json=seen).status_code == 422


def test_wrong_keys_are_counted(parts):
    client = browser(parts)
    for _ in range(10):
        assert client.post("/login", data={"key": "wrong"}).status_code == 401
    assert client.post("/login", data={"key": "wrong"}).status_code == 429


def test_where_an_agent_lands(parts):
    agent = logged_in(parts, "kefu", "agent")
    html = {"accept": "text/html"}
    landed = agent.get("/", headers=html, follow_redirects=False)
    assert landed.headers["location"] == "/desk"
    assert "客服台" in agent.get("/desk", headers=html).text
    assert "在线客服" in agent.get("/chat", headers=html).text
    assert PROJECT in next(name for name in agent.cookies if name.endswith("session"))


# ---- voices --------------------------------------------------------------------------


def test_an_answer_is_read_aloud_to_its_customer_alone(parts, monkeypatch):
    spoken = []

    def espeak(text, language="zh"):
        spoken.append((text, language))
        return b"RIFFsound"

    monkeypatch.setattr(speech, "espeak", espeak)
    client = customer(parts)
    send(client, "什么时候发货")
    sound = client.get("/api/speech/2")
    assert (sound.content, sound.headers["content-type"]) == (b"RIFFsound", "audio/wav")
    assert spoken == [("现货当天发出。", "zh")]
    assert client.get("/api/speech/1").status_code == 404  # what the customer wrote
    assert client.get("/api/speech/9").status_code == 404
    assert customer(parts).get("/api/speech/2").status_code == 404


def test_without_the_extra_a_voice_is_said_to_be_missing(parts, monkeypatch):
    def missing(text, language="zh"):
        raise speech.Unavailable("espeakng-loader is missing")

    monkeypatch.setattr(speech, "espeak", missing)
    client = customer(parts)
    send(client, "什么时候发货")
    assert client.get("/api/speech/2").status_code == 501
    assert client.post("/api/listen", content=b"RIFF").status_code == 501
    assert client.post("/api/listen?expect=song", content=b"").status_code == 422
    assert browser(parts).post("/api/listen", content=b"RIFF").status_code == 404


def test_voices_take_turns_and_say_so(tmp_path, monkeypatch):
    from aigc_lib.apps.service_desk import voices as module
    from aigc_lib.apps.service_desk.conversations import TooMuch

    monkeypatch.setattr(module, "PATIENCE", 0.01)
    monkeypatch.setattr(speech, "espeak", lambda text, language: b"RIFF")
    voices = Voices(tmp_path)
    for _ in range(3):  # each turn is given back
        assert voices.speak("您好", "zh") == b"RIFF"
    with voices._in_turn(), voices._in_turn(), pytest.raises(TooMuch):
        voices.speak("您好", "zh")


def test_only_few_threads_wait_for_a_voice(tmp_path, monkeypatch):
    from aigc_lib.apps.service_desk import voices as module
    from aigc_lib.apps.service_desk.conversations import TooMuch

    gate, refused, spoken = threading.Event(), queue.Queue(), []

    def espeak(text, language):
        assert gate.wait(60)
        return b"RIFF"

    monkeypatch.setattr(module, "PATIENCE", 60.0)
    monkeypatch.setattr(speech, "espeak", espeak)
    voices = Voices(tmp_path)

    def speak():
        try:
            spoken.append(voices.speak("您好", "zh"))
        except TooMuch as error:
            refused.put(error)

    n = module.AT_ONCE + module.WAITING
    threads = [threading.Thread(target=speak, daemon=True) for _ in range(n + 3)]
    for thread in threads:
        thread.start()
    for _ in range(3):  # while nobody has his turn back
        assert "人太多" in str(refused.get(timeout=30))
    gate.set()
    for thread in threads:
        thread.join(60)
    assert spoken == [b"RIFF"] * n
    assert voices.speak("您好", "zh") == b"RIFF"


def test_what_was_heard_is_handed_to_the_page(tmp_path):
    from types import SimpleNamespace

    from aigc_lib.apps.service_desk.listening import Heard

    voices = Voices(tmp_path)
    assert not voices.hears
    voices._listener = SimpleNamespace(heard=lambda wav, expect: Heard("8812", 0.9))
    assert voices.listen(b"RIFF", "digits").text == "8812"
