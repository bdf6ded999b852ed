"""The pages of the image platform in a real browser, with the network cut."""

import io
import re
import threading

import pytest
from PIL import Image
from playwright.sync_api import expect
from visit import AXE, DESK, PHONE, SERIOUS

pytest.importorskip("sqlalchemy")
pytest.importorskip("obstore")
uvicorn = pytest.importorskip("uvicorn")

from tiny_platform import platform_at  # noqa: E402

from aigc_lib.apps.image_platform.service import service  # noqa: E402

WIDE = """() => document.documentElement.scrollWidth
    - document.documentElement.clientWidth"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A platform with a key of ann's; yields (address, key, platform)."""
    with platform_at(tmp_path_factory.mktemp("pages")) as platform:
        key = platform.accounts.add("ann", "admin", quota=100_000)
        config = uvicorn.Config(service(platform), port=0, log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", key, platform
        server.should_exit = True
        thread.join()


class Browser:
    """One window that reaches nothing but the platform; notes what goes wrong.

    ``options`` are those of the browser's context. Without ``bypass_csp`` no script
    runs but the platform's own, so that a test can look but not evaluate.
    """

    def __init__(self, chromium, address, **options):
        self.address, self.outside, self.complaints = address, [], []
        self.context = chromium.new_context(viewport=DESK, locale="zh-CN", **options)
        self.context.set_default_timeout(60_000)
        self.context.route("**/*", self.guard)
        self.tab = self.context.new_page()
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("console", self.listen)

    def guard(self, route):
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def listen(self, message):
        if message.type == "error":
            self.complaints.append(message.text)

    def open(self, path):
        self.tab.goto(self.address + path)
        return self.tab

    def faults(self):
        self.tab.evaluate(AXE.read_text("utf-8"))
        return self.tab.evaluate(SERIOUS)


@pytest.fixture(scope="module")
def browser(chromium, site):
    one = Browser(chromium, site[0])
    yield one
    one.context.close()


@pytest.fixture(scope="module")
def ann(browser, site):
    tab = browser.open("/")
    assert tab.url.endswith("/login")
    tab.get_by_label("密钥").fill("wrong")
    tab.keyboard.press("Enter")
    tab.get_by_role("alert").wait_for()
    browser.complaints.clear()  # the browser tells of the 401
    tab.get_by_label("密钥").fill(site[1])
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="生成").wait_for()
    return browser


@pytest.fixture(scope="module")
def looking(chromium, site, ann):
    """Ann's pages in a window where a test may run scripts of its own."""
    known = ann.context.storage_state()
    one = Browser(chromium, site[0], bypass_csp=True, storage_state=known)
    yield one
    one.context.close()


@pytest.fixture(scope="module")
def made(ann):
    """Two pictures, asked for on the page; returns the address of the first one."""
    tab = ann.open("/")
    tab.get_by_label("几张").fill("2")
    tab.get_by_text("更多设置").click()
    tab.get_by_label("步数").fill("4")
    tab.get_by_role("button", name="生成", exact=True).click()
    expect(tab.locator("#made img")).to_have_count(2, timeout=60_000)
    expect(tab.locator(".look")).to_be_hidden()  # there was no early look to show
    return tab.locator("#made a").first.get_attribute("href")


def test_an_edit_by_keyboard_is_a_new_version(ann, made):
    tab = ann.open(made)
    tab.get_by_role("gridcell", name="第 1 行第 1 列", exact=True).focus()
    for key in ("Space", "ArrowRight", "Space", "ArrowDown", "Space"):
        tab.keyboard.press(key)
    tab.get_by_text("涂了 3 格").wait_for()
    form = tab.locator("form[data-kind=paint]")
    form.get_by_text("更多设置").click()
    form.get_by_label("步数").fill("4")
    form.get_by_role("button", name="重画").click()
    tab.wait_for_selector("#made img")
    tab.locator("#made a").click()
    tab.get_by_role("heading", name="从哪里来").wait_for()
    assert tab.locator(f".thumbs a[href='{made}']").count()


def test_an_edit_by_pointer(ann, made):
    tab = ann.open(made)
    box = tab.locator(".mask").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    tab.mouse.down()
    tab.mouse.move(
        box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.3, steps=20
    )
    tab.mouse.up()
    told = tab.locator(".painted").inner_text()
    assert int(told.split()[1]) >= 4
    tab.get_by_role("button", name="全部擦掉").click()
    tab.get_by_text("还没有涂").wait_for()
    tab.locator("form[data-kind=paint]").get_by_role("button", name="重画").click()
    tab.get_by_text("请先涂出要重画的地方").wait_for()
    ann.complaints.clear()  # the browser tells of the 422


def test_favourite_feedback_delete_restore(ann, made):
    tab = ann.open(made)
    tab.get_by_role("button", name="收藏").click()
    tab.get_by_role("button", name="已收藏").wait_for()
    tab.get_by_role("radio", name="不好").check()
    tab.get_by_role("checkbox", name="模糊").check()
    tab.get_by_role("button", name="告诉我们").click()
    tab.get_by_text("记下了").wait_for()
    ann.open("/gallery?favourites=1")
    assert tab.locator(f"a[href='{made}']").count() == 1
    ann.open(made)
    assert tab.get_by_role("checkbox", name="模糊").is_checked()
    tab.get_by_role("button", name="删除").click()
    tab.get_by_role("button", name="恢复").wait_for()
    ann.open("/gallery")
    assert tab.locator(f"a[href='{made}']").count() == 0
    ann.open(made)
    tab.get_by_role("button", name="恢复").click()
    tab.get_by_role("button", name="删除").wait_for()


def test_a_picture_is_checked_and_downloaded(ann, made, tmp_path):
    tab = ann.open(made)
    with tab.expect_download() as waiting:
        tab.get_by_role("link", name="下载 PNG").click()
    waiting.value.save_as(tmp_path / "picture.png")
    ann.open("/check")
    tab.get_by_label("图片").set_input_files(tmp_path / "picture.png")
    tab.get_by_role("button", name="检查").click()
    tab.get_by_text("这张图是本平台的模型生成的").wait_for()
    tab.get_by_text("模型：小模型 flow").wait_for()


def coloured(folder):
    """The paths of 24 pictures, each of another colour."""
    names = [folder / f"{i}.png" for i in range(24)]
    for i, path in enumerate(names):
        Image.new("RGB", (40, 40), (10 * i, 200 - 5 * i, 90)).save(path)
    return names


def test_pictures_are_uploaded_and_learned(ann, tmp_path):
    names = coloured(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    tab = ann.open("/train")
    tab.get_by_label("或者压缩包").set_input_files([*names, tmp_path / "bad.png"])
    tab.get_by_role("button", name="上传").click()
    tab.get_by_text("收下 24 张，没有收 1 个").wait_for()
    tab.get_by_text("bad.png：内容不是图片").wait_for()
    tab.get_by_role("link", name="去训练").click()
    tab.get_by_label("步数").fill("4000")
    tab.get_by_role("button", name="训练", exact=True).click()
    tab.get_by_role("button", name="停下，留住已学的").click()
    judged = tab.get_by_role("heading", name="三、评判与公开")
    judged.wait_for(timeout=240_000)  # a training ends, and all that it drew is judged
    tab.get_by_text(re.compile(r"训练 2\d 张")).wait_for()


def test_a_double_click_uploads_once(ann, tmp_path, site):
    account = site[2].accounts.by_name("ann")
    before = len(site[2].store.albums(account.id))
    tab = ann.open("/train")
    tab.get_by_label("或者压缩包").set_input_files(coloured(tmp_path))
    tab.get_by_role("button", name="上传").dblclick()
    tab.get_by_text("收下 24 张").wait_for()
    tab.wait_for_load_state("networkidle")
    assert len(site[2].store.albums(account.id)) == before + 1


def test_a_job_that_could_not_be_cancelled_can_be_once_more(ann, site):
    tab, platform = ann.open("/"), site[2]
    with platform.studio._turns["edit"]:  # nothing is drawn meanwhile
        tab.get_by_label("几张").fill("1")
        tab.get_by_role("button", name="生成", exact=True).click()
        cancel = tab.get_by_role("button", name="取消")
        cancel.wait_for()
        ann.context.route("**/cancel", lambda route: route.abort())
        cancel.click()
        tab.locator(".job .row").get_by_text("连不上服务").wait_for()
        ann.context.unroute("**/cancel")
        ann.complaints.clear()
        cancel.click()
        tab.get_by_text("生成：已取消").wait_for()


def test_a_label_of_markup_is_shown_as_text(ann):
    tab = ann.open("/")
    tab.get_by_label("模型").first.select_option("1")
    tab.get_by_label("画什么").first.select_option("<b>蓝</b>")
    tab.get_by_label("几张").fill("1")
    tab.get_by_text("更多设置").click()
    tab.get_by_label("步数").fill("4")
    tab.get_by_role("button", name="生成", exact=True).click()
    tab.wait_for_selector("#made img")
    assert "<b>蓝</b>" in tab.locator("#made").inner_text()
    assert tab.locator("#made b").count() == 0


def pages(made):
    return ["/", "/gallery", made, "/train", "/jobs", "/check", "/account"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault(looking, made, scheme):
    tab = looking.tab
    tab.emulate_media(color_scheme=scheme)
    faults = {}
    for path in pages(made):
        looking.open(path)
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        if found := looking.faults():
            faults[path] = found
    tab.emulate_media(color_scheme="light")
    assert not faults


def test_the_login_page_has_no_serious_fault(chromium, site):
    stranger = Browser(chromium, site[0], bypass_csp=True)
    stranger.open("/")
    assert not stranger.faults()
    stranger.context.close()


def test_no_page_is_wider_than_a_phone(looking, made):
    tab = looking.tab
    tab.set_viewport_size(PHONE)
    wide = {}
    for path in pages(made):
        looking.open(path)
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        if (by := tab.evaluate(WIDE)) > 0:
            wide[path] = by
    tab.set_viewport_size(DESK)
    assert not wide


def test_no_page_asks_another_host_or_complains(ann, made):
    for path in pages(made):
        ann.open(path).wait_for_load_state("networkidle")
    assert ann.outside == []
    assert ann.complaints == []


def test_a_picture_of_nothing_is_a_message(ann):
    tab = ann.open("/check")
    blank = io.BytesIO()
    Image.new("RGB", (200, 200), "white").save(blank, "PNG")
    file = {"name": "a.png", "mimeType": "image/png", "buffer": blank.getvalue()}
    tab.get_by_label("图片").set_input_files(file)
    tab.get_by_role("button", name="检查").click()
    tab.get_by_text("没有找到本平台的标记").wait_for()


def test_a_server_that_is_gone_is_told(ann, made):
    tab = ann.open("/")
    ann.context.set_offline(True)
    tab.get_by_role("button", name="生成", exact=True).click()
    tab.get_by_text("连不上服务").wait_for()
    ann.context.set_offline(False)
    ann.complaints.clear()
    assert tab.get_by_label("几张").input_value() == "4"


def test_a_wish_whose_answer_was_lost_is_granted_once(ann, made, site):
    tab, platform = ann.open("/"), site[2]
    account = platform.accounts.by_name("ann")
    before = len(platform.jobs.latest(account.id))

    def lost(route):
        route.fetch()
        route.abort()

    ann.context.route("**/api/pictures", lost)
    tab.get_by_label("几张").fill("1")
    draw = tab.get_by_role("button", name="生成", exact=True)
    draw.click()
    tab.get_by_text("连不上服务").wait_for()
    ann.context.unroute("**/api/pictures", lost)
    ann.complaints.clear()
    for wishes in (1, 2):  # the second one is a new wish
        draw.click()
        expect(tab.locator("#made img")).to_have_count(wishes, timeout=60_000)
        assert len(platform.jobs.latest(account.id)) == before + wishes
