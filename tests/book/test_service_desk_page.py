"""The pages of the service desk in a real browser whose network is cut."""

import os
import sys
import threading
import time
import wave
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from visit import AXE, DESK, PATIENCE, PHONE, SERIOUS

sys.path.insert(0, str(Path(__file__).parents[1] / "lib"))
pytest.importorskip("uvicorn")
pytest.importorskip("alembic")

import uvicorn
from tiny_desk import desk_at, ready, rule_at

from aigc_lib.apps.service_desk import speech
from aigc_lib.apps.service_desk.conversations import Limits

SCRIPT = '<img src=x onerror="window.pwned = 1"><script>window.pwned = 1</script>'
SHOTS = os.environ.get("AIGC_SHOTS")  # a folder for pictures of what was seen
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextmanager
def served(app):
    """Serve an application from a thread; yields its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def parts(tmp_path):
    found = ready(desk_at(tmp_path, limits=Limits(a_minute=200)))
    found.key = found.accounts.add("kefu", "agent")
    return found


@pytest.fixture
def address(parts):
    with served(parts.app) as where:
        yield where


class People:
    """Browser windows of different people; what they did wrong is in ``faults``."""

    def __init__(self, browser, address):
        self.browser, self.address = browser, address
        self.faults, self.contexts = [], []

    def open(self, path, size=DESK, scheme="light"):
        context = self.browser.new_context(
            viewport=size, color_scheme=scheme, locale="zh-CN"
        )
        context.set_default_timeout(PATIENCE)
        context.route("**/*", self.guard)
        self.contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: self.faults.append(str(error)))
        tab.on("console", self.listen)
        tab.goto(self.address + path)
        return tab

    def guard(self, route):
        if route.request.url.startswith((self.address, "blob:", "data:")):
            return route.fallback()
        self.faults.append(f"asks {route.request.url}")
        return route.abort()

    def listen(self, message):
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)


@pytest.fixture
def people(chromium, address):
    found = People(chromium, address)
    yield found
    for context in found.contexts:
        context.close()
    assert not found.faults


def agent(people, parts, size=DESK, scheme="light"):
    tab = people.open("/desk", size, scheme)
    tab.fill("#key", parts.key)
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/desk")
    return tab


def say(tab, text):
    """Write by the keyboard alone."""
    tab.focus("#text")
    tab.keyboard.type(text)
    tab.keyboard.press("Enter")


def answers(tab):
    return tab.locator(".message.assistant .text")


def look_at(tab, name):
    """Nothing sticks out, axe-core finds nothing serious, light or dark."""
    tab.evaluate(AXE.read_text("utf-8"))  # the page's policy lets no other script in
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        for width, size in (("phone", PHONE), ("desk", DESK)):
            tab.set_viewport_size(size)
            tab.wait_for_timeout(200)
            if SHOTS:
                Path(SHOTS).mkdir(exist_ok=True)
                path = Path(SHOTS, f"{name}-{size['width']}-{scheme}.png")
                tab.screenshot(path=path, full_page=True)
            assert tab.evaluate(WIDER) <= 0, (name, width)
            assert tab.evaluate(SERIOUS) == [], (name, width, scheme)
    tab.emulate_media(color_scheme="light")


def test_a_customer_asks_reads_sources_and_comes_back(people):
    tab = people.open("/", PHONE)
    assert "自动助手" in tab.inner_text("#disclosure")
    assert tab.get_attribute("#log", "aria-live") == "polite"
    say(tab, "什么时候发货")
    answers(tab).first.wait_for()
    assert answers(tab).first.inner_text() == "现货当天发出。"
    tab.click(".message.assistant summary")
    assert "什么时候发货" in tab.inner_text(".message.assistant details li")
    tab.reload()
    answers(tab).first.wait_for()
    assert tab.locator(".message.customer").count() == 1
    say(tab, "退款多久")
    answers(tab).nth(1).wait_for()
    assert tab.locator(".message").count() == 4
    other = people.open("/")
    other.wait_for_timeout(500)
    assert other.locator(".message").count() == 0


def test_words_of_customers_agents_and_entries_are_text(people, parts):
    who = parts.accounts.by_name("kefu")
    entry = {"id": "x", "title": f"优惠券{SCRIPT}", "text": f"没有{SCRIPT}。"}
    row = parts.known.put(entry, 0, who)
    parts.known.approve("x", row["revision"], who)
    tab = people.open("/")
    say(tab, f"优惠券{SCRIPT}")
    answers(tab).first.wait_for()
    assert answers(tab).first.inner_text() == entry["text"]
    desk = agent(people, parts)
    desk.click("summary:has(#n-open)")
    desk.click("#open button")
    desk.wait_for_selector("#history .message")
    desk.click("#take")
    desk.wait_for_selector("#write:visible")
    say(desk, SCRIPT)
    tab.locator(".message.agent").wait_for()
    desk.click("#tab-entries")
    desk.click("#found button:has-text('优惠券')")
    for page in (tab, desk):
        page.wait_for_timeout(300)
        assert page.evaluate("window.pwned") is None
        assert page.locator("img").count() == 0
    assert tab.locator(".message.agent .text").inner_text() == SCRIPT


def test_a_person_takes_over_suggests_corrects_and_gives_back(people, parts):
    tab = people.open("/", PHONE)
    say(tab, "退款多久，我要投诉")
    tab.wait_for_selector("#status:has-text('等人工')")
    assert not tab.is_visible("#person")
    desk = agent(people, parts)
    desk.click("#waiting button")
    desk.wait_for_selector(".suggestion")
    assert "投诉" in desk.inner_text("#about")
    desk.click("#take")
    desk.wait_for_selector("#write:visible")
    desk.click(".suggestion button")
    assert desk.input_value("#text") == "退款三天到账。"
    desk.fill("#text", "退款五天到账。")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("#problem:has-text('退款五天到账。')")  # warned, not sent
    assert tab.locator(".message.agent").count() == 0
    desk.keyboard.press("Enter")  # the person decides
    tab.locator(".message.agent").wait_for()
    assert "kefu" in tab.inner_text(".message.agent .who")
    say(tab, "谢谢")
    desk.wait_for_selector("#history .message.customer:nth-of-type(n+4)")
    desk.locator("#history button:has-text('更正')").first.click()
    desk.select_option("#intent", "退款")
    desk.select_option("#entry", "refund")
    desk.click("#correct-form [type=submit]")
    desk.wait_for_selector("text=已更正：退款，依据 refund")
    assert parts.known.corrections()[0]["entry"] == "refund"
    desk.click("#give-back")
    tab.locator(".message.note", has_text="已离开").wait_for()
    say(tab, "什么时候发货")
    tab.locator(".message.assistant .text", has_text="现货当天发出").wait_for()


def test_what_an_agent_edits_after_a_lost_answer_is_said_as_well(people, parts):
    tab = people.open("/", PHONE)
    say(tab, "退款多久，我要投诉")
    tab.wait_for_selector("#status:has-text('等人工')")
    desk = agent(people, parts)
    desk.click("#waiting button")
    desk.click("#take")
    desk.wait_for_selector("#write:visible")
    lost = []

    def lose(route):
        if len(lost) == 2:
            return route.fallback()
        lost.append(route.request.post_data_json)
        route.fetch()  # it arrives, and the agent is not told
        return route.abort()

    desk.context.route("**/messages", lose)
    for text in ("三天到账。", "三天到账。"):
        desk.fill("#text", text)
        desk.keyboard.press("Enter")
        desk.wait_for_selector("#problem:has-text('网络不通')")
        assert desk.input_value("#text") == text
    assert lost[0] == lost[1]  # the same again has the same key
    say(desk, "更正：五天。")
    tab.locator(".message.agent").nth(1).wait_for()
    texts = tab.locator(".message.agent .text").all_inner_texts()
    assert texts == ["三天到账。", "三天到账。更正：五天。"]
    desk.wait_for_function("document.getElementById('text').value === ''")


def test_an_administrator_frees_what_an_absent_agent_holds(people, parts):
    talks = parts.desk.conversations
    tab = people.open("/")
    say(tab, "我要投诉")
    tab.wait_for_selector("#status:has-text('等人工')")
    (talk,) = talks.listed("waiting")
    parts.desk.take(talk["id"], parts.accounts.by_name("kefu"))
    for name, role in (("kefu2", "agent"), ("boss", "admin")):
        parts.key = parts.accounts.add(name, role)
        desk = agent(people, parts)
        desk.click("#taken button")
        desk.wait_for_selector("#chosen:has-text('别人在处理')")
        assert desk.is_visible("#take") == (role == "admin")
    desk.click("#take")
    desk.click("#give-back")
    tab.locator(".message.note", has_text="已离开").wait_for()
    assert talks.get(talk["id"])["state"] == "open"


def test_the_end_and_the_stars(people, parts):
    tab = people.open("/")
    say(tab, "什么时候发货")
    answers(tab).first.wait_for()
    tab.click("#end")
    tab.wait_for_selector("#rating:visible")
    assert not tab.is_visible("#write")
    tab.keyboard.press("Space")  # the first choice has the focus
    tab.fill("#remark", "很快")
    tab.click("#rate-form [type=submit]")
    tab.wait_for_selector("text=谢谢您的评价")
    assert parts.known.feedback()[0]["stars"] == 5
    tab.click("#again")
    tab.wait_for_selector("#write:visible")
    assert tab.locator(".message").count() == 0
    say(tab, "退款多久")
    answers(tab).first.wait_for()
    assert tab.locator(".message").count() == 2


def test_an_entry_is_added_and_withdrawn_while_a_customer_asks(people, parts):
    tab, desk = people.open("/"), agent(people, parts)
    desk.keyboard.press("Tab")
    desk.focus("#tab-talks")
    desk.keyboard.press("ArrowRight")
    desk.wait_for_selector("#found button")
    desk.click("#new")
    desk.fill("#e-id", "cod")
    desk.fill("#e-title", "货到付款")
    desk.fill("#e-text", "支持货到付款。")
    desk.click("#edit [type=submit]")
    desk.wait_for_selector("#withdraw:visible")
    say(tab, "能货到付款吗")
    answers(tab).first.wait_for()
    assert answers(tab).first.inner_text() == "支持货到付款。"
    desk.click("#withdraw")
    desk.wait_for_selector("#edit-state:has-text('已撤下')")
    say(tab, "货到付款可以吗")
    answers(tab).nth(1).wait_for()
    assert "不知道" in answers(tab).nth(1).inner_text()


def test_a_message_outlives_a_broken_network_and_a_reload(people, parts):
    tab = people.open("/")
    say(tab, "什么时候发货")
    answers(tab).first.wait_for()
    broken = True

    def break_(route):
        return route.abort() if broken else route.fallback()

    tab.context.route("**/api/messages", break_)
    say(tab, "退款多久")
    tab.wait_for_selector("#problem:has-text('网络不通')")
    assert tab.locator(".message.unsent").count() == 1
    tab.reload()
    tab.wait_for_selector(".message.unsent")
    broken = False
    answers(tab).nth(1).wait_for()
    assert tab.locator(".message.unsent").count() == 0
    assert tab.locator(".message.customer").count() == 2
    counts = parts.desk.conversations.counts()
    assert (counts["open"], counts["unanswered"]) == (1, 0)


def test_answers_are_read_aloud_only_when_asked(people, parts, monkeypatch):
    held = BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(1_600))
    monkeypatch.setattr(speech, "espeak", lambda text, language: held.getvalue())
    tab = people.open("/")
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.add_init_script("speechSynthesis.getVoices = () => []")
    tab.reload()
    say(tab, "什么时候发货")
    answers(tab).first.wait_for()
    assert tab.get_attribute("#aloud", "aria-pressed") == "false"
    assert not any("speech" in url for url in asked)
    tab.click("#aloud")
    with tab.expect_request("**/api/speech/4"):
        say(tab, "退款多久")
    with tab.expect_request("**/api/speech/2"):
        tab.locator(".message.assistant button").first.click()
    tab.wait_for_timeout(300)
    assert tab.inner_text("#problem") == ""


def test_enter_that_ends_a_composed_word_does_not_send(people):
    tab = people.open("/")
    tab.fill("#text", "fahuo")
    composing = {"key": "Enter", "isComposing": True, "bubbles": True}
    tab.locator("#text").dispatch_event("keydown", composing)
    tab.wait_for_timeout(200)
    assert tab.input_value("#text") == "fahuo"
    assert tab.locator(".message").count() == 0


def test_the_page_says_what_it_does_until_it_is_ready(chromium, tmp_path):
    gate = threading.Event()

    def make(folder, say, entries):
        say("training")
        gate.wait(60)
        return rule_at(folder, say, entries)

    parts = desk_at(tmp_path, make=make)
    parts.desk.start()
    with served(parts.app) as address:
        people = People(chromium, address)
        tab = people.open("/", PHONE)
        tab.wait_for_selector("#status:has-text('正在训练模型')")
        say(tab, "什么时候发货")
        tab.wait_for_selector(".message.customer:not(.unsent)")
        look_at(tab, "preparing")
        gate.set()
        answers(tab).first.wait_for()
        tab.context.close()
    parts.desk.stop()
    assert not people.faults


def test_every_page_at_every_width_light_and_dark(people, parts):
    parts.accounts.add("ann")
    tab = people.open("/")
    look_at(tab, "empty")
    say(tab, "什么时候发货？我想知道得详细" + "很长" * 60)
    answers(tab).first.wait_for()
    tab.click(".message.assistant summary")
    say(tab, "https://" + "a" * 200)
    answers(tab).nth(1).wait_for()
    look_at(tab, "talk")
    tab.click("#person")
    tab.wait_for_selector("#back:visible")
    look_at(tab, "waiting")
    desk = people.open("/desk")
    look_at(desk, "login")
    desk.fill("#key", parts.key)
    desk.keyboard.press("Enter")
    desk.click("#waiting button")
    desk.wait_for_selector("#history .message")
    desk.click("#take")
    desk.wait_for_selector("#write:visible")
    desk.locator("#history button:has-text('更正')").first.click()
    desk.wait_for_selector("#correct:visible")
    look_at(desk, "desk")
    desk.click("#tab-entries")
    desk.click("#found button")
    look_at(desk, "entries")
    tab.click("#end")
    tab.wait_for_selector("#rating:visible")
    look_at(tab, "rating")
