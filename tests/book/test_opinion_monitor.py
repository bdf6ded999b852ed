"""The page of the opinion monitor in a real browser whose network is cut."""

import os
import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect
from visit import AXE, DESK, PATIENCE, PHONE, SERIOUS

pytest.importorskip("sqlalchemy")
pytest.importorskip("gradio")

from tiny_monitor import Rule

from aigc_lib.apps.local import running
from aigc_lib.apps.opinion_monitor import __main__ as command
from aigc_lib.apps.opinion_monitor.monitor import Monitor
from aigc_lib.apps.opinion_monitor.store import Store

SCRIPT = '<img src=x onerror="window.pwned = 1"><script>window.pwned = 1</script>'
SHOTS = os.environ.get("AIGC_SHOTS")  # a folder for pictures of what was seen
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Twenty quiet days of 行情 and ten bad ones; 其他 is always quiet.
SENT = [
    {
        "text": f"{what}{'跌' if i < bad else '涨'} {i}",
        "time": f"2026-01-{day:02d}",
    }
    for day in range(1, 31)
    for what, bad in (("股价", 3 if day < 21 else 8), ("汇率", 3))
    for i in range(12)
]


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path / 'headlines.sqlite'}")


@pytest.fixture
def monitor(store):
    found = Monitor(store, Rule())
    found.accept(SENT)
    found.read_waiting()
    return found


class Person:
    """A browser window that reaches nothing but the monitor."""

    def __init__(self, chromium, client):
        self.client, self.address, self.faults = client, str(client.base_url), []
        self.context = chromium.new_context(viewport=DESK, locale="zh-CN")
        self.context.set_default_timeout(PATIENCE)
        self.context.route("**/*", self.guard)
        self.tab = self.context.new_page()
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("console", self.listen)
        self.tab.goto(self.address)
        self.tab.wait_for_selector("text=共收到")

    def guard(self, route):
        if route.request.url.startswith((self.address, "blob:", "data:")):
            return route.continue_()
        self.faults.append(f"asks {route.request.url}")
        return route.abort()

    def listen(self, message):
        if message.type == "error":
            self.faults.append(message.text)

    def choose(self, topic):
        self.tab.get_by_label("主题", exact=True).click()
        self.tab.get_by_role("option", name=topic).click()

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        self.context.close()
        if kind is None:
            assert self.faults == []


@pytest.fixture
def person(chromium, monitor):
    site = command.site(monitor, command.BY_WORDS)
    with running(site) as client, Person(chromium, client) as person:
        yield person


def test_from_a_headline_to_an_alarm(person, monitor):
    tab = person.tab
    tab.wait_for_selector("text=共收到 720 条，0 条等待读取。")
    assert command.BY_WORDS in tab.inner_text("body")
    alarms, latest = tab.locator("table").first, tab.locator("table").last
    picture = tab.locator("img[src^='data:image']").first
    whole = picture.get_attribute("src")
    expect(alarms).to_contain_text("行情", timeout=PATIENCE)
    person.choose("其他")
    expect(alarms).not_to_contain_text("行情", timeout=PATIENCE)
    expect(latest).to_contain_text("汇率", timeout=PATIENCE)
    expect(latest).not_to_contain_text("股价", timeout=PATIENCE)
    expect(picture).not_to_have_attribute("src", whole, timeout=PATIENCE)
    # what comes now is seen without a click
    answer = person.client.post("/headlines", json={"text": SCRIPT})
    assert answer.status_code == 202
    monitor.read_waiting()
    expect(latest).to_contain_text(SCRIPT, timeout=PATIENCE)
    tab.wait_for_selector("text=共收到 721 条，0 条等待读取。")
    assert tab.evaluate("window.pwned") is None


def test_the_page_is_there_before_the_models(chromium, store):
    go = threading.Event()
    monitor = Monitor(store)

    def make(say):
        say("training")
        assert go.wait(PATIENCE / 1_000)
        return Rule()

    with running(command.site(monitor)) as client:
        monitor.start(make=make)
        with Person(chromium, client) as person:
            person.tab.wait_for_selector("text=正在训练模型")
            assert client.post("/headlines", json={"text": "股价跌"}).is_success
            person.tab.wait_for_selector("text=共收到 1 条，1 条等待读取。")
            go.set()
            person.tab.wait_for_selector("text=共收到 1 条，0 条等待读取。")
            expect(person.tab.locator("text=正在训练模型")).to_have_count(0)
            person.choose("行情")
            latest = person.tab.locator("table").last
            expect(latest).to_contain_text("股价跌", timeout=PATIENCE)
        monitor.stop()


def test_the_page_keeps_nobody_out(person):
    """Nothing sticks out, and axe-core finds nothing serious."""
    tab = person.tab
    tab.wait_for_selector("img[src^='data:image']")
    tab.add_script_tag(path=AXE)
    for look in ("light", "dark", "phone"):
        tab.emulate_media(color_scheme="dark" if look == "dark" else "light")
        tab.set_viewport_size(PHONE if look == "phone" else DESK)
        tab.wait_for_timeout(500)  # until what is drawn has its new size
        if SHOTS:
            tab.screenshot(path=Path(SHOTS, f"monitor-{look}.png"), full_page=True)
        assert tab.evaluate(WIDER) <= 0, look
        assert tab.evaluate(SERIOUS) == [], look
