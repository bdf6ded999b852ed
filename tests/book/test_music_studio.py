"""The pages of the music studio in a real browser, with the network cut."""

import re

import pytest
from playwright.sync_api import expect
from visit import AXE, DESK, PATIENCE, PHONE, SERIOUS

pytest.importorskip("dbos")
pytest.importorskip("music21")

import tiny_studio

from benchmarks.music_service import House

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NOTES = ".roll-sheet .note"
TUNE = {
    "title": "A tune",
    "length": 32,
    "voices": [[[0, 4, 67], [4, 4, 69], [8, 8, 71], [16, 16, 67]]],
    "chords": [[0, "G"], [16, "D7"]],
}
ABC = b"X:1\nT:Brought\nM:4/4\nL:1/4\nK:D\nD F A d|c B A2|\n"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    with tiny_studio.program(tmp_path_factory.mktemp("program") / "log") as program:
        yield program


@pytest.fixture(scope="module")
def house(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    tiny_studio.composer_in(folder)
    house = House(folder, None, program)
    house.start()
    house.until_ready()
    return house


class Desk:
    """A person at a browser that reaches nothing but the studio.

    ``options`` are those of the browser's context. Without ``bypass_csp`` no script
    runs but the studio's own, so that a test can look but not evaluate.
    """

    def __init__(self, chromium, house, **options):
        self.house, self.outside, self.complaints = house, [], []
        options = {"viewport": DESK, "locale": "zh-CN"} | options
        self.context = chromium.new_context(**options)
        self.context.set_default_timeout(PATIENCE)
        self.context.route("**/*", self.guard)
        self.tab = self.context.new_page()
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("console", self.listen)

    def guard(self, route):
        if route.request.url.startswith((self.house.address, "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def listen(self, message):
        refused = "422" in message.text  # which a test may want
        if message.type == "error" and not refused:
            self.complaints.append(message.text)

    def login(self):
        self.tab.goto(f"{self.house.address}/")
        self.tab.fill("#key", self.house.key)
        self.tab.keyboard.press("Enter")
        self.ready()

    def ready(self):
        self.tab.wait_for_selector("body[data-ready]")

    def go(self, path):
        self.tab.goto(f"{self.house.address}{path}")
        self.ready()

    def says(self, words):
        self.tab.wait_for_selector(f"#toast:has-text('{words}')")

    def keys(self, keys):
        self.tab.focus(".roll-sheet")
        for key in keys:
            self.tab.keyboard.press(key)

    def __enter__(self):
        self.login()
        return self

    def __exit__(self, kind, *exception):
        self.context.close()
        if kind is None:
            assert self.outside == []
            assert self.complaints == []


@pytest.fixture
def desk(chromium, house):
    with Desk(chromium, house) as desk:
        yield desk


@pytest.mark.parametrize("path", ["/", "piece", "/gallery", "/account", "/login"])
def test_no_page_keeps_anyone_out(chromium, house, path):
    """axe-core finds nothing serious, by day, in the dark and on a phone."""
    with house.client() as http:
        answer = http.post("/api/pieces", json={"piece": TUNE}).json()
        thumb = {"thumb": 1, "reasons": []}
        http.post(f"/api/pieces/{answer['id']}/opinion", json=thumb)
    if path == "piece":
        path = f"/?piece={answer['id']}"
    with Desk(chromium, house, bypass_csp=True) as desk:
        tab = desk.tab
        tab.goto(f"{house.address}{path}")
        if path != "/login":
            desk.ready()
        tab.evaluate(AXE.read_text("utf-8"))
        for look in ("light", "dark", "phone"):
            tab.emulate_media(color_scheme="dark" if look == "dark" else "light")
            tab.set_viewport_size(PHONE if look == "phone" else DESK)
            assert tab.evaluate(SERIOUS) == [], look
            assert tab.evaluate(WIDER) <= 0, look


def test_from_a_melody_to_a_score(desk):
    tab = desk.tab
    desk.keys("gabcd")
    assert tab.locator(NOTES).count() == 5
    tab.fill("#bars", "1")
    tab.click("[data-kind=go_on]")
    desk.says("写好了")
    assert tab.locator("#label").inner_text() == "含模型生成的内容"
    assert tab.locator(NOTES).count() >= 5
    versions = tab.locator("#versions a")
    expect(versions).to_have_count(2, timeout=PATIENCE)
    assert "模型续写" in versions.nth(1).inner_text()
    tab.wait_for_selector("#alike:has-text('比较')")
    tab.wait_for_selector("#score.drawn")
    assert tab.locator("#score").bounding_box()["height"] > 50  # a staff and its notes
    # back to the beginning, and forth with the browser's own button
    versions.first.click()
    tab.wait_for_selector("#label:has-text('由人写成')")
    assert tab.locator(NOTES).count() == 5
    tab.go_back()
    tab.wait_for_selector("#label:has-text('含模型生成的内容')")
    tab.reload()
    desk.ready()
    assert tab.locator("#label").inner_text() == "含模型生成的内容"


def test_changes_that_are_not_saved_keep_the_label_of_the_model(desk):
    tab = desk.tab
    tab.fill("#bars", "1")
    tab.click("[data-kind=compose]")
    desk.says("写好了")
    written = tab.input_value("#words")
    desk.keys(["End", "Enter"])
    changed = tab.input_value("#words")
    assert changed != written
    for again in (tab.reload, lambda: desk.go("/")):
        again()
        desk.ready()
        assert tab.input_value("#words") == changed
        assert tab.locator("#label").inner_text() == "含模型生成的内容"
    tab.click("#save")
    desk.says("保存好了")
    assert tab.locator("#label").inner_text() == "含模型生成的内容"
    expect(tab.locator("#versions a")).to_have_count(2, timeout=PATIENCE)


def test_keys_alone_draw_change_and_undo(desk):
    tab = desk.tab
    told = tab.locator("#said")
    desk.keys(["Enter", "ArrowRight", "ArrowRight", "ArrowUp", "Enter"])
    assert tab.locator(NOTES).count() == 2
    desk.keys(["Home"])
    assert told.inner_text() == "第 1 小节第 1 拍，Ab4；此刻有 G4，四分音符"
    desk.keys(["Shift+ArrowRight", "Shift+ArrowUp"])
    assert told.inner_text() == "Ab4，附点四分音符"
    assert tab.input_value("#words").startswith("Ab4:6")
    desk.keys(["Delete"])
    assert tab.locator(NOTES).count() == 1
    desk.keys(["Control+z"])
    assert tab.locator(NOTES).count() == 2
    desk.keys(["Control+Shift+Z"])
    assert tab.locator(NOTES).count() == 1
    desk.keys(["Home", "PageUp", "PageDown", "PageDown", "."])
    assert "第 2 拍，Ab3" in told.inner_text()


@pytest.mark.parametrize(
    ("key", "note"), [("F major", "Bb4"), ("G major", "B4"), ("Eb major", "Bb4")]
)
def test_a_letter_is_the_note_of_the_key(desk, key, note):
    desk.tab.select_option("#key", key)
    desk.keys("b")
    assert desk.tab.input_value("#words") == f"{note}:4"


def test_the_mouse_draws_moves_and_deletes(desk):
    tab, sheet = desk.tab, desk.tab.locator(".roll-sheet")
    tab.locator("#roll").scroll_into_view_if_needed()
    box = tab.locator("#roll").bounding_box()
    x, y = box["x"] + 44 + 6, box["y"] + 200
    tab.mouse.click(x, y)
    assert tab.locator(NOTES).count() == 1
    first = tab.input_value("#words")
    assert first.endswith(":4")
    tab.mouse.move(x + 96, y)  # half a bar on, drawn eight steps long
    tab.mouse.down()
    tab.mouse.move(x + 96 + 84, y, steps=4)
    tab.mouse.up()
    assert re.fullmatch(r"(\S+):4 -:4 \1:8", tab.input_value("#words"))
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x, y - 32, steps=4)  # two semitones up
    tab.mouse.up()
    assert tab.input_value("#words").split(":")[0] != first.split(":")[0]
    tab.mouse.click(x, y - 32)
    assert tab.locator(NOTES).count() == 1
    assert sheet.get_attribute("aria-label").endswith("1 个音")


def test_a_finger_taps_notes(chromium, house):
    phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with Desk(chromium, house, **phone) as desk:
        roll = desk.tab.locator("#roll")
        roll.scroll_into_view_if_needed()
        box = roll.bounding_box()
        for n in (1, 0):
            desk.tab.touchscreen.tap(box["x"] + 100, box["y"] + 200)
            desk.tab.wait_for_selector(f"#facts:has-text('小节 · {n} 个音')")


def test_notes_as_words_and_what_is_wrong_with_them(desk):
    tab = desk.tab
    tab.click("summary:has-text('用文字写')")
    tab.fill("#words", "G4:4 -:4 Bb4:8 H9")
    tab.click("#read-words")
    desk.says("不是音名")
    tab.fill("#words", "G4:4 -:4 Bb4:8")
    tab.click("#read-words")
    desk.says("2 个音")
    assert tab.locator(NOTES).count() == 2
    tab.fill("#title", "<img src=x onerror=alert(1)>")
    tab.click("#save")
    desk.says("保存好了")
    assert tab.locator("#score-title").inner_text() == "<img src=x onerror=alert(1)>"
    assert tab.locator("main img[src=x]").count() == 0


def test_it_plays_and_stops(desk):
    tab = desk.tab
    tab.select_option("#steps", "16")
    tab.fill("#speed", "30")
    desk.keys("gab")
    tab.click("#play")
    tab.wait_for_selector("#play:has-text('停止播放')")
    tab.wait_for_selector(".head:not([style*='none'])", state="attached")
    tab.click("#play")
    tab.wait_for_selector("#play:has-text('播放'):not(:has-text('停止'))")
    tab.click("#save")
    desk.says("保存好了")
    tab.click("#render")
    tab.wait_for_selector("#audio:not([hidden])")
    with tab.expect_download() as download:
        tab.click("#files a:has-text('MIDI')")
    with open(download.value.path(), "rb") as file:
        assert file.read(4) == b"MThd"


def test_the_wavenet_says_how_to_get_it_and_then_it_plays(desk, house):
    tab = desk.tab
    tab.fill("#speed", "400")
    desk.keys("ga")
    tab.click("#save")
    desk.says("保存好了")
    for there in (False, True):
        tab.select_option("#wav-instrument", label="WaveNet（学出来的）")
        told = "G3 到 E6" if there else "learn wavenet"
        expect(tab.locator("#learned")).to_contain_text(told)
        # a link would show nobody why it was refused
        assert tab.locator("#files a:has-text('WAV')").count() == 0
        tab.click("#render")
        if not there:
            desk.says("learn wavenet")
            tiny_studio.wavenet().save(house.folder / "wavenet.safetensors")
            tab.reload()
            desk.ready()
    tab.wait_for_selector("#audio:not([hidden])")
    with tab.expect_download() as download:
        tab.click("#files a:has-text('WAV')")
    with open(download.value.path(), "rb") as file:
        assert file.read(4) == b"RIFF"
    tab.select_option("#wav-instrument", label="管风琴")
    expect(tab.locator("#learned")).to_be_hidden()
    assert tab.locator("#files a:has-text('WAV')").count() == 1


def test_upload_opinion_gallery_and_back_from_the_bin(desk):
    tab = desk.tab
    bad = {"name": "x.mid", "mimeType": "audio/midi", "buffer": b"MThd"}
    tab.set_input_files("#upload", bad)
    desk.says("读不了这个文件")
    file = {"name": "b.abc", "mimeType": "text/plain", "buffer": ABC}
    tab.set_input_files("#upload", file)
    desk.says("可以接着写")
    assert tab.locator(NOTES).count() == 7
    tab.click("#down")
    desk.says("记下了")
    tab.check("#reasons >> text=太单调")
    desk.says("记下了")
    tab.click("#favourite")
    tab.wait_for_selector("#favourite[aria-pressed=true]")
    desk.go("/gallery")
    tab.fill("#q", "Brought")
    tab.click("#search button")
    tab.wait_for_selector("#count:has-text('显示 1 首')")
    tab.click("button[aria-label='删除《Brought》']")
    desk.says("回收站")
    tab.check("#deleted")
    tab.click("button[aria-label='找回《Brought》']")
    desk.says("回来了")
    tab.uncheck("#deleted")
    tab.click("a:has-text('Brought')")
    tab.wait_for_selector("#down[aria-pressed=true]")


def test_a_scene_fills_the_form_and_a_job_can_be_stopped(chromium, program, tmp_path):
    house = House(tmp_path, None, program)
    house.start("serve", "--accept-only")  # nobody works: the job waits
    with Desk(chromium, house) as desk:
        tab = desk.tab
        tab.select_option("#scene", label="追逐")
        desk.says("追逐")
        assert tab.input_value("#key") == "E minor"
        assert tab.input_value("#low") != ""
        tab.click("[data-kind=compose]")
        tab.wait_for_selector("#job-told:has-text('等待中')")
        tab.reload()  # the page finds its job again
        tab.wait_for_selector("#job-told:has-text('等待中')")
        tab.click("#cancel")
        desk.says("已停止")
        tab.wait_for_selector("#job[hidden]", state="attached")


def test_the_account_page(desk):
    desk.go("/account")
    assert "load（用户）" in desk.tab.locator("#who").inner_text()
    assert desk.tab.locator("#log tr").count() > 0
    desk.tab.click("text=退出登录")
    desk.tab.wait_for_selector("#key")
    desk.tab.goto(f"{desk.house.address}/gallery")
    desk.tab.wait_for_selector("#key")
