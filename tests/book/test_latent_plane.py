"""The decoder alive in a page: torch's values, in a browser whose network is cut."""

import json

import numpy as np
import pytest
from bookbuild import ROOT
from visit import PATIENCE, PHONE, Visitor

from conftest import served

DEMO = ROOT / "_static" / "demos" / "latent_plane"
CHAPTER = "chapters/01_foundations/04_sample.html"
PLANE = ".latent-plane .plane"
ALIVE = f"{PLANE}[data-ready]"
VALUES = """async points => {
  const plane = document.querySelector(".latent-plane .plane");
  const images = [];
  for (const z of points) images.push([...(await plane.decode(z)).data]);
  return images;
}"""
PIXELS = """() => {
  const canvas = document.querySelector(".latent-plane canvas");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return [...data].filter((_, i) => i % 4 === 0);
}"""


@pytest.fixture(scope="module")
def facts():
    return json.loads(DEMO.with_suffix(".json").read_text("utf-8"))


@pytest.fixture(params=["served", "from a disk"])
def tab(request, sample, chromium):
    """The page with its living model: from a server, then opened as a file."""
    with served(sample) as address:
        if request.param == "from a disk":
            address = sample.as_uri() + "/"
        with Visitor(chromium, address, sample) as visitor:
            tab = visitor.open(CHAPTER)
            tab.locator(PLANE).scroll_into_view_if_needed()
            tab.wait_for_selector(ALIVE)
            yield tab
            assert visitor.complaints == []
            assert visitor.outside == []


def place(tab):
    """Return the point that the page says it shows."""
    text = tab.locator(".latent-plane output").inner_text().replace("−", "-")
    return [float(c) for c in text.removeprefix("z = (").removesuffix(")").split(",")]


def settled(tab, z):
    """Wait until the page has drawn z."""
    text = ", ".join(f"{c:.2f}" for c in z).replace("-", "−")
    tab.wait_for_function(
        "text => document.querySelector('.latent-plane output').textContent === text",
        arg=f"z = ({text})",
    )


def test_the_browser_computes_torchs_values(tab, facts):
    images = tab.evaluate(VALUES, facts["points"])
    for got, expected in zip(images, facts["values"], strict=True):
        assert max(abs(a - b) for a, b in zip(got, expected, strict=True)) < 1e-3


def test_the_reader_moves_the_point(tab, facts):
    def shows(z):
        settled(tab, z)
        expected = facts["values"][facts["points"].index(z)]
        pairs = zip(tab.evaluate(PIXELS), expected, strict=True)
        return all(abs(a - (b + 1) * 127.5) < 1 for a, b in pairs)

    assert shows([0.0, 0.0])
    plane = tab.locator(PLANE)
    plane.focus()
    for keys in (2 * ["Shift+ArrowRight"], ["Shift+ArrowDown"]):
        for key in keys:
            tab.keyboard.press(key)
    assert shows([1.0, -0.5])

    box, limit = plane.bounding_box(), facts["limit"]
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    assert place(tab) == pytest.approx([limit / 2, limit / 2], abs=0.02)
    tab.mouse.move(box["x"] + 2 * box["width"], box["y"] - 50)  # stops at the edge
    assert shows([limit, limit])
    tab.mouse.up()
    tab.mouse.move(box["x"], box["y"])
    assert place(tab) == [limit, limit]


def test_a_finger_moves_the_point(sample, chromium, facts):
    context = chromium.new_context(offline=True, viewport=PHONE, has_touch=True)
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    tab.goto((sample / CHAPTER).as_uri())
    plane = tab.locator(PLANE)
    plane.scroll_into_view_if_needed()
    tab.wait_for_selector(ALIVE)
    box, limit = plane.bounding_box(), facts["limit"]
    tab.touchscreen.tap(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    tab.wait_for_function(
        "!document.querySelector('.latent-plane output').textContent.includes('(0.00')"
    )
    assert place(tab) == pytest.approx([-limit / 2, 0], abs=0.02)
    context.close()


def test_without_javascript_a_picture_stands_there(sample, chromium):
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((sample / CHAPTER).as_uri())
    picture = tab.locator(f"{PLANE} img")
    assert picture.get_attribute("alt").startswith("一张网格")
    assert picture.bounding_box()["width"] > 200
    assert tab.locator(".latent-plane .point").count() == 0
    context.close()


def test_only_a_page_with_a_model_brings_the_runtime(sample):
    runtime = sample / "_static" / "vendor"
    sizes = {path.name: path.stat().st_size for path in runtime.glob("ort*")}
    assert sizes.keys() == {
        "ort.js",
        "ort-wasm-simd-threaded.mjs.js",
        "ort-wasm-simd-threaded.wasm.js",
    }
    assert sum(sizes.values()) < 6e6
    for page in sample.rglob("*.html"):
        assert "ort.js" not in page.read_text("utf-8")  # loaded when it is needed


def test_the_committed_decoder_gives_torchs_values(facts):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = DEMO.with_suffix(".onnx")
    assert path.stat().st_size < 300_000
    session = onnxruntime.InferenceSession(path)
    points = np.array(facts["points"], np.float32)
    (images,) = session.run(None, {"input": points})
    assert np.abs(images.reshape(len(points), -1) - facts["values"]).max() < 1e-4
