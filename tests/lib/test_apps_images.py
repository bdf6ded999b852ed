"""The image platform: asked, drawn, kept, found again, taken along, refused."""

import hashlib
import io
import json
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import load as tensors
from safetensors.torch import save

pytest.importorskip("sqlalchemy")
pytest.importorskip("obstore")
pytest.importorskip("fastapi")

from fastapi.testclient import TestClient
from tiny_platform import CLASSES, aged, finished, platform_at, png

from aigc_lib import models
from aigc_lib.apps.backup import backup, restore
from aigc_lib.apps.image_platform import pages, trainer, upload
from aigc_lib.apps.image_platform import platform as platforms
from aigc_lib.apps.image_platform import portable as portables
from aigc_lib.apps.image_platform import store as stores
from aigc_lib.apps.image_platform import studio as studios
from aigc_lib.apps.image_platform.__main__ import parser
from aigc_lib.apps.image_platform.feedback import written
from aigc_lib.apps.image_platform.platform import PROJECT, Platform
from aigc_lib.apps.image_platform.service import service
from aigc_lib.apps.image_platform.store import ALL
from aigc_lib.apps.image_platform.studio import (
    LONG,
    SHORT,
    described,
    kind_of,
    mask_of,
    pixels_of,
    plain_png,
    told_label,
)
from aigc_lib.apps.image_platform.trainer import add_file
from aigc_lib.codecs.recipe import recipe_of

RED = {"model": 1, "label": "红", "n": 3, "seed": 7, "steps": 4}
EDIT = {"steps": 4, "seed": 3}


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with platform_at(tmp_path_factory.mktemp("platform")) as platform:
        platform.ann = platform.accounts.add("ann", quota=100_000)
        platform.bob = platform.accounts.add("bob", quota=100_000)
        platform.boss = platform.accounts.add("boss", "admin")
        yield platform


@pytest.fixture(scope="module")
def app(platform):
    return service(platform)


def client_of(app, key):
    client = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
    client.headers["Authorization"] = f"Bearer {key}"
    return client


@pytest.fixture
def ann(app, platform):
    return client_of(app, platform.ann)


@pytest.fixture
def bob(app, platform):
    return client_of(app, platform.bob)


@pytest.fixture(scope="module")
def three(app, platform):
    """Three red pictures of ann's."""
    client = client_of(app, platform.ann)
    job = finished(client, client.post("/api/pictures", json=RED))
    assert job["state"] == "done", job
    return job["pictures"]


def bytes_of(client, picture):
    return client.get(picture["url"]).content


def raw(platform, picture, name="ann"):
    account = platform.accounts.by_name(name)
    row = platform.store.picture(picture["id"], account.id)
    return pixels_of(platform.store.blobs.get(row["raw"]))


def edited(client, picture, action, **asked):
    url = f"/api/pictures/{picture['id']}/edits"
    return client.post(url, json={"action": action, **EDIT, **asked})


# ---- to generate ---------------------------------------------------------------------


def test_pictures_come_with_their_recipe(ann, three, platform):
    assert [p["label"] for p in three] == ["红"] * 3
    data = bytes_of(ann, three[1])
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("PNG", (128, 128))
    recipe = recipe_of(data)
    model = platform.store.model(1, None)
    assert recipe["model_sha256"] == model["blob"]
    asked = ("label", "seed", "steps", "number")
    assert [recipe[name] for name in asked] == ["红", 7, 4, 1]
    assert raw(platform, three[0]).shape == (3, 32, 32)


@pytest.mark.parametrize("model", [1, 2])
def test_the_same_request_gives_the_same_bytes_alone_or_in_company(ann, bob, model):
    asked = {**RED, "model": model}
    alone = finished(ann, ann.post("/api/pictures", json=asked))
    others = [{**asked, "seed": seed, "n": seed % 4 + 1} for seed in range(12)]
    answers = [bob.post("/api/pictures", json=other) for other in others]
    answers.insert(5, bob.post("/api/pictures", json=asked))
    company = [finished(bob, answer) for answer in answers][5]
    first = [bytes_of(ann, picture) for picture in alone["pictures"]]
    assert first == [bytes_of(bob, picture) for picture in company["pictures"]]
    assert len(set(first)) == 3  # and three different ones
    seeds = {*(hashlib.sha256(b).hexdigest() for b in first)}
    other = finished(ann, ann.post("/api/pictures", json={**asked, "seed": 8}))
    new = {hashlib.sha256(bytes_of(ann, p)).hexdigest() for p in other["pictures"]}
    assert not seeds & new


def test_a_request_sent_twice_is_one(ann):
    headers = {"Idempotency-Key": "once"}
    both = [ann.post("/api/pictures", json=RED, headers=headers) for _ in "ab"]
    assert both[0].json() == both[1].json()
    left = ann.get("/api/me").json()["left"]
    again = ann.post("/api/pictures", json=RED, headers=headers)
    assert again.json() == both[0].json()
    assert ann.get("/api/me").json()["left"] == left
    other = ann.post("/api/pictures", json={**RED, "n": 1}, headers=headers)
    assert other.status_code == 409
    assert len(finished(ann, both[0])["pictures"]) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"n": 17},
        {"n": "many"},
        {"seed": -1},
        {"seed": 2**31},
        {"steps": 1},
        {"steps": 10**9},
        {"guidance": -1},
        {"model": 99},
        {"model": 10**30},
        {"model": "1; DROP TABLE models"},
        {"label": "紫"},
        {"label": "x" * 41},
        {"label": None},
        {"label": "红\x00"},
        {"label": "红\u202e"},
        {"unknown": 1},
    ],
)
def test_a_wrong_request_is_refused_with_a_reason(ann, wrong):
    before = ann.get("/api/me").json()["left"]
    answer = ann.post("/api/pictures", json={**RED, **wrong})
    assert answer.status_code == 422
    assert any("\u4e00" <= c <= "\u9fff" for c in answer.json()["error"])
    assert ann.get("/api/me").json()["left"] == before


def test_a_name_that_is_quoted_is_cut(ann):
    answer = ann.post("/api/pictures", json={**RED, "x" * 5_000: 1})
    assert (answer.status_code, len(answer.json()["error"]) < 60) == (422, True)


def test_no_json_and_no_number(ann):
    half = json.dumps({**RED, "label": "\ud800"}).encode()  # half a character
    for body in (b"", b"{", b"[]", b'{"n": NaN}', b"\xff", b"[" * 10_000, half):
        headers = {"Content-Type": "application/json"}
        answer = ann.post("/api/pictures", content=body, headers=headers)
        assert answer.status_code in (400, 422), body[:20]


def test_nobody_without_a_key_sends_much(app):
    headers = {"Content-Type": "application/json"}
    body = b" " * (2 * 2**20)
    for path in ("/api/albums/1/train", "/api/pictures"):
        answer = TestClient(app).post(path, content=body, headers=headers)
        assert answer.status_code == 413


def test_quota(app, platform):
    client = client_of(app, platform.accounts.add("poor", quota=4))
    assert client.post("/api/pictures", json=RED).status_code == 202
    answer = client.post("/api/pictures", json=RED)
    assert answer.status_code == 429
    assert "还剩 1" in answer.json()["error"]
    assert int(answer.headers["retry-after"]) > 0
    assert client.post("/api/pictures", json={**RED, "n": 1}).status_code == 202


def test_a_model_without_labels_is_asked_as_the_others_are(app, platform, tmp_path):
    torch.manual_seed(0)
    file = tmp_path / "one.safetensors"
    models.FlowMatching(32, 3, 8, net="dit").save(file)
    add_file(platform.store, file, "一类", [])
    client = client_of(app, platform.accounts.add("single"))
    number = max(m["id"] for m in client.get("/api/models").json())
    asked = {"model": number, "n": 2, "steps": 4}
    job = finished(client, client.post("/api/pictures", json=asked))
    assert job["state"] == "done", job
    edit = edited(client, job["pictures"][0], "vary", n=1)
    assert finished(client, edit)["state"] == "done"


# ---- to edit -------------------------------------------------------------------------


def test_painting_changes_nothing_outside_of_the_mask(ann, three, platform):
    mask = ["0000", "0110", "0110", "0000"]
    job = finished(ann, edited(ann, three[0], "paint", mask=mask, label="绿"))
    (version,) = job["pictures"]
    assert (version["parent"], version["action"]) == (three[0]["id"], "paint")
    before, after = raw(platform, three[0]), raw(platform, version)
    inside = mask_of(mask, 32)[0, 0]
    assert torch.equal(before[:, ~inside], after[:, ~inside])
    assert not torch.equal(before[:, inside], after[:, inside])
    recipe = recipe_of(bytes_of(ann, version))
    assert (recipe["before"], recipe["label"], version["label"]) == ("红", "绿", "红")


def test_every_edit_is_a_version_with_its_parent(ann, three, platform):
    edits = [
        edited(ann, three[0], "vary", strength=0.5, n=2),
        edited(ann, three[0], "change", label="绿"),
        edited(ann, three[0], "walk", other=three[1]["id"], n=3),
        edited(ann, three[0], "move", plus="红", minus="绿", amount=0.5),
    ]
    green = {**RED, "label": "绿"}
    finished(ann, ann.post("/api/pictures", json=green))
    jobs = [finished(ann, edit) for edit in edits[:3]]
    jobs.append(
        finished(ann, edited(ann, three[0], "move", plus="红", minus="绿", amount=0.5))
    )
    assert [len(job["pictures"]) for job in jobs] == [2, 1, 3, 1], jobs
    assert jobs[1]["pictures"][0]["label"] == "绿"
    children = [p["id"] for job in jobs for p in job["pictures"]]
    family = ann.get(f"/api/pictures/{three[0]['id']}/family").json()
    assert set(children) <= {p["id"] for p in family["children"]}
    grand = finished(ann, edited(ann, jobs[0]["pictures"][0], "vary", n=1))
    family = ann.get(f"/api/pictures/{grand['pictures'][0]['id']}/family").json()
    assert [p["id"] for p in family["ancestors"]] == [three[0]["id"], children[0]]
    whole = ann.get(f"/api/pictures/{grand['pictures'][0]['id']}").json()
    assert whole["recipe"]["action"] == "vary"
    whole = ann.get(f"/api/pictures/{children[2]}").json()
    assert (whole["recipe"]["before"], whole["recipe"]["label"]) == ("红", "绿")
    again = finished(ann, edited(ann, three[0], "vary", strength=0.5, n=2))
    for a, b in zip(jobs[0]["pictures"], again["pictures"], strict=True):
        assert bytes_of(ann, a) == bytes_of(ann, b)


def test_a_direction_names_the_pictures_that_it_comes_from(app, platform):
    client = client_of(app, platform.accounts.add("mover"))
    red, green = (
        finished(client, client.post("/api/pictures", json={**RED, "label": label}))
        for label in ("红", "绿")
    )

    def moved():
        """The recipe and the bytes of the same edit, and the picture."""
        edit = edited(client, red["pictures"][0], "move", plus="红", minus="绿")
        (picture,) = finished(client, edit)["pictures"]
        whole = client.get(f"/api/pictures/{picture['id']}").json()
        return whole["recipe"], bytes_of(client, picture), picture

    def raws(job):
        account = platform.accounts.by_name("mover").id
        found = [platform.store.picture(p["id"], account) for p in job["pictures"]]
        return [row["raw"] for row in found]

    first = moved()
    assert first[0]["examples"] == {"plus": raws(red), "minus": raws(green)}
    second = moved()  # the first one is in the gallery, and is red too
    assert first[0] != second[0]
    assert first[1] != second[1]
    urls = [f"/api/pictures/{picture['id']}" for *_, picture in (first, second)]
    for url in urls:
        client.delete(url)
    assert moved()[:2] == first[:2]
    for url in urls:  # so that another test counts only what it deleted
        client.post(f"{url}/restore")


def test_long_edits_do_not_hold_up_the_others(ann, bob, three, platform, monkeypatch):
    begun, gate = threading.Event(), threading.Event()

    def slow(model, x, *_):
        begun.set()
        gate.wait(60)
        return x

    monkeypatch.setattr(studios, "edited", slow)
    walk = {"other": three[1]["id"], "n": 16, "steps": 100}
    # more than are done at once of what is quick
    answers = [edited(ann, three[0], "walk", **walk) for _ in range(5)]
    assert begun.wait(60)
    made = finished(bob, bob.post("/api/pictures", json=RED))
    states = {ann.get(answer.json()["url"]).json()["state"] for answer in answers}
    gate.set()
    assert made["state"] == "done"
    assert states == {"running", "waiting"}
    assert {finished(ann, answer)["state"] for answer in answers} == {"done"}


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"action": "move", "steps": 20}, LONG),
        ({"action": "walk", "n": 16, "steps": 100}, LONG),
        ({"action": "vary", "n": 16, "steps": 20}, SHORT),
        ({"action": "paint", "steps": 100}, SHORT),
    ],
)
def test_what_takes_the_network_long_is_a_long_edit(asked, kind):
    assert kind_of(asked) == kind


@pytest.mark.parametrize(
    "asked",
    [
        {"action": "paint", "mask": ["00", "00"]},
        {"action": "paint", "mask": ["01", "0"]},
        {"action": "paint", "mask": []},
        {"action": "paint", "mask": ["2"]},
        {"action": "paint", "mask": ["1" * 129]},
        {"action": "vary", "strength": 0},
        {"action": "vary", "strength": 1.1},
        {"action": "change"},
        {"action": "change", "label": "紫"},
        {"action": "walk", "other": "x"},
        {"action": "walk", "other": 10**30},
        {"action": "move", "plus": "红", "minus": "紫"},
        {"action": "move", "plus": "红", "minus": "绿", "amount": 99},
        {"action": "destroy"},
        {},
    ],
)
def test_an_edit_that_cannot_be(ann, three, asked):
    url = f"/api/pictures/{three[0]['id']}/edits"
    answer = ann.post(url, json=asked)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_a_model_of_words_is_told_one():
    with pytest.raises(ValueError, match="写出要画什么"):
        told_label({"words": True, "classes": []}, " ")


def test_an_edit_that_turns_out_not_to_go(ann, bob, three):
    theirs = finished(bob, bob.post("/api/pictures", json=RED))["pictures"][0]
    answer = edited(ann, three[0], "walk", other=theirs["id"])
    assert answer.status_code == 422
    assert "同一个模型" in answer.json()["error"]
    same = edited(ann, three[0], "walk", other=three[0]["id"])
    assert same.status_code == 422
    gan = finished(ann, ann.post("/api/pictures", json={**RED, "model": 2}))
    answer = edited(ann, gan["pictures"][0], "vary")
    assert answer.status_code == 422
    assert "不能编辑" in answer.json()["error"]


# ---- to keep -------------------------------------------------------------------------


def test_a_deleted_picture_is_no_beginning(app, platform):
    client = client_of(app, platform.accounts.add("deleter"))
    job = finished(client, client.post("/api/pictures", json={**RED, "n": 2}))
    kept, gone = job["pictures"]
    url = f"/api/pictures/{gone['id']}"
    client.delete(url)
    answer = edited(client, gone, "vary", n=1)
    assert (answer.status_code, "先恢复" in answer.json()["error"]) == (422, True)
    answer = edited(client, kept, "walk", other=gone["id"], n=1)
    assert (answer.status_code, "图库里" in answer.json()["error"]) == (422, True)
    assert "先恢复" in client.get(f"/pictures/{gone['id']}").text
    assert client.get("/api/me").json()["left"] == 1_000 - 2
    client.post(f"{url}/restore")
    # what was accepted before is done
    asked = edited(client, kept, "walk", other=gone["id"], n=1)
    client.delete(url)
    assert finished(client, asked)["state"] == "done"
    client.post(f"{url}/restore")


def test_search(bob, app, platform):
    client = client_of(app, platform.accounts.add("searcher"))
    for label, model in (("红", 1), ("绿", 1), ("<b>蓝</b>", 2)):
        asked = {**RED, "label": label, "model": model, "n": 2}
        finished(client, client.post("/api/pictures", json=asked))

    def found(**asked):
        return client.get("/api/pictures", params=asked).json()

    assert found()["total"] == 6
    assert found(label="绿")["total"] == 2
    assert found(model=2)["total"] == 2
    assert found(label="%")["total"] == 0
    assert found(label="_")["total"] == 0
    assert found(label="' OR 1=1 --")["total"] == 0
    newest = found()["pictures"]
    assert [p["id"] for p in newest] == sorted((p["id"] for p in newest), reverse=True)
    assert found(until=newest[0]["created"])["total"] == 4
    assert found(since=newest[0]["created"])["total"] == 2
    url = f"/api/pictures/{newest[3]['id']}"
    assert client.post(f"{url}/favourite", json={"on": True}).json()["favourite"]
    assert [p["id"] for p in found(favourites=True)["pictures"]] == [newest[3]["id"]]
    alike = client.get(f"{url}/alike").json()
    assert len(alike) == 5
    assert found(page=2)["pictures"] == []
    assert bob.get("/api/pictures", params={"label": "蓝"}).json()["total"] == 0
    wrong = client.get("/api/pictures", params={"model": 10**30})
    assert wrong.status_code == 422
    for name in ("model", "alike"):  # a page shows what there is
        for value in (10**30, "²", "x"):
            assert client.get("/gallery", params={name: value}).status_code == 200


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the system has one zone")
def test_days_are_those_of_the_machine(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CST-8")
        time.tzset()
        began = datetime(2026, 11, 29, 16, tzinfo=UTC).timestamp()
        assert pages._day("2026-11-30") == began
        assert pages._day("2026-11-30", after=1) == began + 86_400
        assert pages._when(began) == "2026-11-30 00:00 UTC+0800"
    time.tzset()
    for wrong in ("", "x", "9999-12-31"):
        assert pages._day(wrong, after=1) is None


def test_likeness_puts_the_same_picture_first(app, platform):
    client = client_of(app, platform.accounts.add("twins"))
    one = finished(client, client.post("/api/pictures", json=RED))["pictures"]
    finished(client, client.post("/api/pictures", json={**RED, "label": "绿"}))
    twin = finished(client, client.post("/api/pictures", json=RED))["pictures"]
    alike = client.get(f"/api/pictures/{one[2]['id']}/alike").json()
    assert alike[0]["id"] == twin[2]["id"]


def test_deleting_has_a_grace_period(ann, platform, monkeypatch):
    job = finished(ann, ann.post("/api/pictures", json={**RED, "seed": 99}))
    picture, other, _ = job["pictures"]
    child = finished(ann, edited(ann, picture, "vary", n=1))["pictures"][0]
    url = f"/api/pictures/{picture['id']}"
    assert ann.delete(url).json() == {"deleted": True}
    ids = [p["id"] for p in ann.get("/api/pictures").json()["pictures"]]
    assert picture["id"] not in ids
    gone = ann.get("/api/pictures", params={"deleted": True}).json()["pictures"]
    assert picture["id"] in [p["id"] for p in gone]
    assert ann.post(f"{url}/restore").status_code == 200
    assert picture["id"] in [
        p["id"] for p in ann.get("/api/pictures").json()["pictures"]
    ]
    ann.delete(url)
    assert platform.store.purge() == 0
    account = platform.accounts.by_name("ann").id
    row = platform.store.picture(picture["id"], account)
    monkeypatch.setattr(stores, "GRACE", -1.0)
    assert platform.store.purge() == 1
    assert platform.store.purge() == 0
    aged(platform, (row["blob"], row["raw"]))
    platform.store.sweep()
    assert not platform.store.blobs.has(row["raw"])
    with platform.store.engine.begin() as connection:  # who saw it just before
        same = picture["id"], account
        assert not platform.store.change(connection, *same, deleted=None)
    for answer in (ann.get(url), ann.get(f"{url}.png"), ann.post(f"{url}/restore")):
        assert answer.status_code == 404
    family = ann.get(f"/api/pictures/{child['id']}/family").json()
    (ancestor,) = family["ancestors"]
    assert (ancestor["id"], ancestor["url"]) == (picture["id"], None)
    page = ann.get(f"/pictures/{child['id']}").text
    assert "已清除" in page
    assert f"{url}.png" not in page
    assert f'href="/pictures/{picture["id"]}"' not in page
    assert ann.get(other["url"]).status_code == 200


def test_who_is_killed_while_clearing_up_clears_up_again(ann, platform, monkeypatch):
    asked = {**RED, "seed": 5678, "n": 1}
    (picture,) = finished(ann, ann.post("/api/pictures", json=asked))["pictures"]
    account = platform.accounts.by_name("ann").id
    row = platform.store.picture(picture["id"], account)
    ann.delete(f"/api/pictures/{picture['id']}")
    monkeypatch.setattr(stores, "GRACE", -1.0)
    names = row["blob"], row["raw"]
    aged(platform, names)

    def killed(name):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(platform.store.blobs, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            platform.clear()
    platform.clear()
    assert not any(map(platform.store.blobs.has, names))


def test_files_whose_row_never_came_are_removed(platform):
    blobs = platform.store.blobs
    old, new = blobs.put(b"of a killed process"), blobs.put(b"of one that works")
    aged(platform, [old])
    platform.clear()
    assert (blobs.has(old), blobs.has(new)) == (False, True)


def test_files_that_were_put_again_wait_for_their_row(ann, platform, monkeypatch):
    asked = {**RED, "seed": 2468, "n": 1}
    (picture,) = finished(ann, ann.post("/api/pictures", json=asked))["pictures"]
    account, blobs = platform.accounts.by_name("ann").id, platform.store.blobs
    row = platform.store.picture(picture["id"], account)
    names = row["blob"], row["raw"]
    aged(platform, names)
    ann.delete(f"/api/pictures/{picture['id']}")
    monkeypatch.setattr(stores, "GRACE", -1.0)
    for name in names:  # a job makes the same picture, and has not ended
        blobs.put(blobs.get(name))
    platform.clear()
    assert all(map(blobs.has, names))


def test_clearing_up_goes_on_after_an_error(monkeypatch):
    monkeypatch.setattr(platforms, "CLEAN", 0.0)
    closed, calls = threading.Event(), []

    def purge():
        calls.append("purge")
        if len(calls) == 1:
            raise OSError("the database is away")
        closed.set()

    one = SimpleNamespace(clear=purge, _closed=closed)
    Platform._clean(one)
    assert len(calls) == 2


def test_a_blob_that_two_pictures_share_outlives_one(ann, platform, monkeypatch):
    asked = {**RED, "seed": 1234, "n": 1}
    a, b = (
        finished(ann, ann.post("/api/pictures", json=asked))["pictures"][0]
        for _ in "ab"
    )
    row = platform.store.picture(a["id"], platform.accounts.by_name("ann").id)
    aged(platform, (row["blob"], row["raw"]))
    ann.delete(f"/api/pictures/{a['id']}")
    monkeypatch.setattr(stores, "GRACE", -1.0)
    platform.clear()
    assert ann.get(b["url"]).status_code == 200


# ---- another's -----------------------------------------------------------------------


def test_nobody_touches_anothers(bob, three, ann):
    url = f"/api/pictures/{three[0]['id']}"
    answers = [
        bob.get(url),
        bob.get(f"{url}.png"),
        bob.get(f"{url}/alike"),
        bob.get(f"{url}/family"),
        bob.delete(url),
        bob.post(f"{url}/restore"),
        bob.post(f"{url}/favourite", json={"on": True}),
        bob.post(f"{url}/feedback", json={"good": False}),
        edited(bob, three[0], "vary"),
        bob.get(f"/pictures/{three[0]['id']}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert not ann.get(url).json()["favourite"]
    job = ann.post("/api/pictures", json={**RED, "n": 1}).json()["url"]
    for answer in (bob.get(job), bob.post(f"{job}/cancel"), bob.get(f"{job}/look")):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/pictures/0",
        "/api/pictures/-1",
        "/api/pictures/99999999",
        "/api/pictures/99999999999999999999",
        "/api/pictures/..%2f..%2fetc%2fpasswd",
        "/api/pictures/1%00",
        "/api/jobs/1%00",
        "/api/jobs/../../etc/passwd",
        "/api/jobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/static/..%2fservice.py",
        "/static/../service.py",
        "/static/%2e%2e%2f%2e%2e%2fservice.py",
        "/static/nothing.js",
    ],
)
def test_a_path_in_an_id(ann, path):
    answer = ann.get(path)
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text
    assert "import" not in answer.text


def test_without_a_key(app):
    client = TestClient(app, follow_redirects=False)
    for path in ("/api/me", "/api/pictures", "/api/models", "/api/export"):
        assert client.get(path).status_code == 401
    assert client.post("/api/pictures", json=RED).status_code == 401
    for path in ("/", "/gallery", "/pictures/1", "/train", "/jobs", "/account"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/check").status_code == 200


def test_a_name_that_is_markup_is_text(app, platform):
    client = client_of(app, platform.accounts.add("marker"))
    title = "<script>alert(1)</script>"
    data = platform.store.blobs.get(platform.store.model(2, None)["blob"])
    account = platform.accounts.by_name("marker").id
    with platform.store.engine.begin() as connection:
        told = {"size": 32, "edits": False, "words": False, "classes": CLASSES}
        same = {"account": account, "title": title, "published": False, "job": "x"}
        blob = platform.store.blobs.put(data + b" ")
        platform.store.add_model(connection, blob=blob, figures={}, **same, **told)
    asked = {**RED, "label": "<b>蓝</b>"}
    job = finished(client, client.post("/api/pictures", json=asked))
    number = job["pictures"][0]["id"]
    for path in ("/", "/gallery", f"/pictures/{number}", "/account"):
        page = client.get(path)
        assert page.status_code == 200
        assert title not in page.text
        assert "<b>蓝" not in page.text
        assert "unsafe" not in page.headers["content-security-policy"]
        assert "<script>" not in page.text  # none of ours is in the page either


def test_only_admins_see_everybody(ann, app, platform):
    assert ann.get("/api/accounts").status_code == 403
    boss = client_of(app, platform.boss)
    assert {one["name"] for one in boss.get("/api/accounts").json()} >= {"ann", "bob"}
    assert "key_hash" not in boss.get("/api/accounts").text
    assert {line["name"] for line in ann.get("/api/audit").json()} == {"ann"}
    assert "ann" in {line["name"] for line in boss.get("/api/audit").json()}
    actions = {line["action"] for line in boss.get("/api/audit").json()}
    assert {"make", "edit", "picture.delete"} <= actions


# ---- made here? ----------------------------------------------------------------------


def changed(data, how):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    out = io.BytesIO()
    if how == "jpeg":
        image.save(out, "JPEG", quality=70)
    elif how == "resize":
        image.resize((96, 96)).save(out, "PNG")
    else:
        image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("how", ["png", "jpeg", "resize"])
def test_a_picture_is_known_again(ann, app, how):
    asked = {**RED, "seed": 4321, "n": 1}
    (picture,) = finished(ann, ann.post("/api/pictures", json=asked))["pictures"]
    data = changed(bytes_of(ann, picture), how)
    anyone = TestClient(app)
    told = anyone.post("/check/picture", content=data).json()
    assert told["here"], told
    assert told["model"] == "小模型 flow"
    assert abs(told["created"] - picture["created"]) < 1e9


def test_a_strangers_picture_is_not_ours(app):
    anyone = TestClient(app)
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    assert not anyone.post("/check/picture", content=out.getvalue()).json()["here"]
    assert not anyone.post("/check/picture", content=png((16, 16))).json()["here"]
    assert anyone.post("/check/picture", content=b"no picture").status_code == 422
    text = PngImagePlugin.PngInfo()
    text.add_itxt("aigc", '{"a": "\\ud800"}')  # no recipe that can be told
    odd = anyone.post("/check/picture", content=png(pnginfo=text))
    assert (odd.status_code, odd.json()["recipe"]) == (200, None)


# ---- to take along -------------------------------------------------------------------


def test_export_and_import_of_an_account(ann, app, platform, three):
    ann.post(f"/api/pictures/{three[0]['id']}/favourite", json={"on": True})
    opinion = {"good": True, "reasons": ["清楚"]}
    ann.post(f"/api/pictures/{three[0]['id']}/feedback", json=opinion)
    finished(ann, edited(ann, three[0], "vary", n=1))
    data = ann.get("/api/export").content
    total = ann.get("/api/pictures").json()["total"]
    eve = client_of(app, platform.accounts.add("eve", quota=100_000))
    told = eve.post("/api/import", content=data).json()
    others = {"albums": 0, "models": 0}
    assert told == {"new": total, "known": 0, **others}
    known = {"new": 0, "known": total, **others}
    assert eve.post("/api/import", content=data).json() == known
    assert ann.post("/api/import", content=data).json() == known
    assert eve.get("/api/pictures", params={"favourites": True}).json()["total"] == 1
    versions = eve.get("/api/pictures").json()["pictures"]
    child = next(p for p in versions if p["action"] == "vary")
    family = eve.get(f"/api/pictures/{child['id']}/family").json()
    assert family["ancestors"]
    again = eve.get("/api/export").content
    assert sums(again) == sums(data)


def sums(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        listed = json.loads(file.read("pictures.json"))["pictures"]
    kept = ("label", "png", "pixels", "recipe", "favourite", "mark")
    return sorted(json.dumps([one[k] for k in kept]) for one in listed)


def rewritten(data, change):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


def relisted(data, change):
    def of(name, content):
        if name != "pictures.json":
            return content
        told = json.loads(content)
        change(told["pictures"])
        return json.dumps(told).encode()

    return rewritten(data, of)


def locked(data):
    """The same file, said to have a password."""
    data = bytearray(data)
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def test_an_import_that_was_changed_is_refused_whole(app, platform):
    trent = client_of(app, platform.accounts.add("trent"))
    finished(trent, trent.post("/api/pictures", json=RED))
    data = trent.get("/api/export").content
    other = plain_png(torch.zeros(3, 32, 32, dtype=torch.uint8))
    digest = hashlib.sha256(other).hexdigest()

    def swapped(pictures):
        pictures[-1]["png"] = digest

    def nested(pictures):
        pictures[0]["recipe"] = json.loads('{"a": ' + "[" * 300 + "]" * 300 + "}")
        pictures[0]["job"] = "another"

    wrong = [
        relisted(data, nested),  # what no JSON of ours could say again
        b"",
        b"PK no zip",
        data[: len(data) // 2],
        rewritten(data, lambda n, c: None if n == "pictures.json" else c),
        rewritten(data, lambda n, c: b"{" if n == "pictures.json" else c),
        rewritten(data, lambda n, c: other if n.startswith("pictures/") else c),
        rewritten(data, lambda n, c: None if n.startswith("pixels/") else c),
        relisted(data, swapped),
        relisted(data, lambda ps: ps[-1].update(action="steal")),
        relisted(data, lambda ps: ps[-1].update(id="../../etc/passwd")),
        relisted(data, lambda ps: ps[-1].pop("recipe")),
        relisted(data, lambda ps: ps[-1].update(created=float("nan"))),
        relisted(data, lambda ps: ps[-1].update(number=2**40)),
        relisted(data, lambda ps: ps[-1].update(recipe={"a": float("nan")})),
        relisted(data, lambda ps: ps[-1].update(id=float("inf"))),
        relisted(data, lambda ps: ps.append(ps[-1])),
        relisted(data, lambda ps: ps.append({**ps[-1], "number": 9})),
        relisted(data, lambda ps: ps.append({**ps[-1], "id": 10**9})),
        locked(data),
    ]
    client = client_of(app, platform.accounts.add("mallory"))
    for i, content in enumerate(wrong):
        answer = client.post("/api/import", content=content)
        assert answer.status_code == 422, (i, answer.text)
        assert any("\u4e00" <= c <= "\u9fff" for c in answer.json()["error"])
        assert client.get("/api/pictures").json()["total"] == 0


def test_an_import_above_the_quota_leaves_nothing(ann, app, platform, three):
    data = ann.get("/api/export").content

    def other(pictures):
        for k, picture in enumerate(pictures):
            picture["recipe"] = {"other": k}  # and so other files

    before = set(platform.store.blobs)
    client = client_of(app, platform.accounts.add("pauper", quota=1))
    answer = client.post("/api/import", content=relisted(data, other))
    assert answer.status_code == 429
    assert set(platform.store.blobs) == before


@pytest.fixture(scope="module")
def belongings(app, platform):
    """An account's client and export: an album, a model, pictures of it and of 1."""
    client = client_of(app, platform.accounts.add("owner"))
    sent = [
        ("files", (f"{'dogs' if i % 2 else 'cats'}/{i}.png", png(colour=(9 * i, 8, 7))))
        for i in range(upload.LEAST)
    ]
    title = {"title": "animals"}
    assert client.post("/api/albums", files=sent, data=title).status_code == 201
    model, store = own_model(), platform.store
    with store.engine.begin() as connection:
        store.add_model(
            connection,
            account=platform.accounts.by_name("owner").id,
            blob=store.blobs.put(trainer.saved(model)),
            published=False,
            figures={"passed": True},
            **title,
            **described(model, ["cats", "dogs"]),
        )
    (mine,) = (m["id"] for m in client.get("/api/models").json() if m["mine"])
    for number, label, n in ((mine, "dogs", 2), (1, "红", 1)):
        asked = {"model": number, "label": label, "n": n, "steps": 2}
        job = finished(client, client.post("/api/pictures", json=asked))
        assert job["state"] == "done", job
    return client, client.get("/api/export").content


def own_model(widths=None):
    """A model of two classes, as a training makes it, before it has learned."""
    with pytest.MonkeyPatch.context() as patch:
        if widths:
            patch.setattr(trainer, "WIDTHS", widths)
        torch.manual_seed(0)
        return trainer._flow(trainer._autoencoder(64, 3), ["cats", "dogs"])


def all_of(client):
    """The pictures of an account, its models and its albums."""
    pictures = client.get("/api/pictures").json()["pictures"]
    models = [m for m in client.get("/api/models").json() if m["mine"]]
    return pictures, models, client.get("/api/albums").json()


def test_albums_and_models_come_along(app, platform, belongings):
    owner, data = belongings
    heir = client_of(app, platform.accounts.add("heir", quota=100))
    told = heir.post("/api/import", content=data).json()
    assert told == {"new": 3, "known": 0, "albums": 1, "models": 1}
    assert heir.get("/api/me").json()["left"] == 100 - 3 - platforms.COST_TRAIN
    pictures, (model,), (album,) = all_of(heir)
    assert (model["title"], model["classes"]) == ("animals", ["cats", "dogs"])
    # what a file says of a judge is not believed
    assert (model["figures"], model["published"]) == ({}, False)
    publish = f"/api/models/{model['id']}/publish"
    assert heir.post(publish, json={"on": True}).status_code == 409
    assert "没有在这里评判过" in heir.get("/train").text
    assert [p["model"] for p in pictures] == [1, model["id"], model["id"]]
    for picture in pictures:
        assert heir.get(f"/api/pictures/{picture['id']}").json()["imported"]
        assert "导入的图" in heir.get(f"/pictures/{picture['id']}").text
        assert finished(heir, edited(heir, picture, "vary", n=1))["state"] == "done"
    (other,) = all_of(owner)[2]
    store, names = platform.store, ("heir", "owner")
    blobs = {
        store.album(one["id"], platform.accounts.by_name(name).id)["blob"]
        for one, name in zip((album, other), names, strict=True)
    }
    assert len(blobs) == 1
    known = {"new": 0, "known": 3, "albums": 0, "models": 0}
    assert heir.post("/api/import", content=data).json() == known
    assert owner.post("/api/import", content=data).json() == known


def test_an_imported_picture_stays_one_in_every_check(app, platform, belongings):
    def other(pictures):
        for k, picture in enumerate(pictures):
            picture["recipe"]["other"] = k  # and so another mark than the owner's

    client = client_of(app, platform.accounts.add("claimant"))
    client.post("/api/import", content=relisted(belongings[1], other))
    picture = all_of(client)[0][0]
    assert picture["model"] == 1
    told = client.post("/check/picture", content=bytes_of(client, picture)).json()
    assert (told["here"], told["model"]) == (True, "（导入）")
    mask = ["10", "00"]
    (child,) = finished(client, edited(client, picture, "paint", mask=mask))["pictures"]
    told = client.post("/check/picture", content=bytes_of(client, child)).json()
    assert "由一张导入的图改成" in told["told"]


def test_what_is_missing_in_the_store_is_said_and_the_rest_goes_out(app, platform):
    store = platform.store
    client = client_of(app, platform.accounts.add("gappy", quota=200))
    account = platform.accounts.by_name("gappy").id
    wish = {**RED, "seed": 78}
    made = finished(client, client.post("/api/pictures", json=wish))["pictures"]
    child = finished(client, edited(client, made[0], "vary", n=1))["pictures"][0]
    sent = [("files", (f"{i}.png", png(colour=(9, i, 8)))) for i in range(upload.LEAST)]
    client.post("/api/albums", files=sent, data={"title": "海"})
    whole = client.get("/api/export")
    assert whole.headers["content-disposition"].endswith('"image-platform.zip"')

    lost, broken = (store.picture(p["id"], account) for p in made[:2])
    (album,) = store.albums(account)
    for name in (lost["blob"], album["blob"]):
        store.blobs.delete(name)
    Path(store.blobs.folder, broken["raw"][:2], broken["raw"][2:]).write_bytes(b"x")
    answer = client.get("/api/export")
    assert answer.status_code == 200
    assert "incomplete" in answer.headers["content-disposition"]
    missing = [f"第 {lost['id']} 张图", f"第 {broken['id']} 张图", "图片“海”"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert file.testzip() is None
        listed = json.loads(file.read("pictures.json"))
        assert file.read("缺失.txt").decode().splitlines()[1:] == missing
    assert listed["missing"] == missing
    assert [p["id"] for p in listed["pictures"]] == [made[2]["id"], child["id"]]
    assert listed["albums"] == []
    assert missing[0] in client.get("/account").text

    heir = client_of(app, platform.accounts.add("gappys-heir"))
    told = heir.post("/api/import", content=answer.content).json()
    assert told == {"new": 2, "known": 0, "albums": 0, "models": 0}
    told = client.post("/api/import", content=answer.content).json()
    assert (told["new"], told["known"]) == (0, 2)
    for name in (lost["id"], broken["id"]):  # for the backup below
        with store.engine.begin() as connection:
            store.change(connection, name, account, blob="", raw="")
    with store.engine.begin() as connection:
        store.delete_album(connection, album["id"], account)


def test_a_file_that_is_gone_or_damaged_is_told_plainly(app, platform):
    store = platform.store
    client = client_of(app, platform.accounts.add("unlucky"))
    account = platform.accounts.by_name("unlucky").id
    wish = {**RED, "seed": 79, "n": 1}
    (picture,) = finished(client, client.post("/api/pictures", json=wish))["pictures"]
    row = store.picture(picture["id"], account)
    Path(store.blobs.folder, row["blob"][:2], row["blob"][2:]).write_bytes(b"x")
    answer = client.get(picture["url"])
    assert (answer.status_code, "备份" in answer.json()["error"]) == (410, True)
    store.blobs.delete(row["raw"])
    job = finished(client, edited(client, picture, "vary", n=1))
    assert (job["state"], "备份" in job["error"]) == ("failed", True)
    with store.engine.begin() as connection:  # for the backup below
        store.change(connection, picture["id"], account, blob="", raw="")


def test_an_export_of_an_earlier_version(app, platform, belongings):
    def earlier(name, content):
        if name == "pictures.json":
            told = {"version": 1, "pictures": json.loads(content)["pictures"]}
            return json.dumps(told).encode()
        return None if name.startswith(("albums/", "models/")) else content

    client = client_of(app, platform.accounts.add("elder"))
    old = rewritten(belongings[1], earlier)
    told = client.post("/api/import", content=old).json()
    assert told == {"new": 3, "known": 0, "albums": 0, "models": 0}
    pictures = all_of(client)[0]
    assert [p["model"] for p in pictures] == [1, None, None]  # the owner's is not ours
    assert edited(client, pictures[1], "vary").status_code == 422


def test_a_picture_of_another_size_than_its_model_is_not_edited(app, platform):
    tracy = client_of(app, platform.accounts.add("tracy"))
    finished(tracy, tracy.post("/api/pictures", json={**RED, "n": 1}))
    small = plain_png(torch.zeros(3, 16, 16, dtype=torch.uint8))

    def shrunk(pictures):
        pictures[0]["pixels"] = hashlib.sha256(small).hexdigest()

    data = rewritten(
        relisted(tracy.get("/api/export").content, shrunk),
        lambda n, c: small if n.startswith("pixels/") else c,
    )
    client = client_of(app, platform.accounts.add("shrinker"))
    assert client.post("/api/import", content=data).json()["new"] == 1
    job = finished(client, edited(client, all_of(client)[0][0], "vary", n=1))
    assert (job["state"], job["error"]) == ("failed", "图的大小与模型不合，不能编辑。")


def forged(data, kind, content, **told):
    """An export with another file for its one album or model, and the sum of that."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        listed = json.loads(file.read("pictures.json"))
    (one,) = listed[kind]
    one |= {"blob": hashlib.sha256(content).hexdigest(), **told}
    files = {"pictures.json": json.dumps(listed).encode()}
    files[f"{kind}/{one['id']}.safetensors"] = content
    return rewritten(data, lambda name, old: files.get(name, old))


def inner(data, kind):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        (name,) = (n for n in file.namelist() if n.startswith(kind))
        return file.read(name)


def wrong_models(good):
    """Files that a training on two classes does not write, and why not."""
    header = {"format": 2, "model": "FlowMatching"}
    header["config"] = {"image_size": 2**14, "channels": 3, "width": 2**14}
    weights, end = tensors(good), 8 + int.from_bytes(good[:8], "little")
    metadata = json.loads(good[8:end])["__metadata__"]
    first = next(iter(weights))
    return {
        "no model": b"junk",
        "cut": good[:-8],
        "another that asks for much": save({}, {"aigc_lib": json.dumps(header)}),
        "a wider one": trainer.saved(own_model((16, 32))),
        "NaN": save(weights | {first: weights[first] * float("nan")}, metadata),
        "double": save(weights | {first: weights[first].double()}, metadata),
        "one weight more": save(weights | {"more": torch.zeros(1)}, metadata),
        "more words": save(weights, {**metadata, "more": "words"}),
    }


def wrong_albums(good):
    """Files that no upload leaves with two classes."""
    x, y = upload.unpacked(good)
    few = upload.LEAST - 1
    return {
        "no album": b"junk",
        "small": save({"x": x[..., ::2, ::2].contiguous(), "y": y}),
        "floats": save({"x": x.float(), "y": y}),
        "one more label": save({"x": x, "y": y + 1}),
        "labels of fewer": save({"x": x, "y": y[:-1].contiguous()}),
        "few": save({"x": x[:few].contiguous(), "y": y[:few].contiguous()}),
        "alike": save({"x": x[:1].expand(len(x), -1, -1, -1).contiguous(), "y": y}),
        "more": save({"x": x, "y": y, "more": y.clone()}),
    }


def test_a_forged_album_or_model_is_refused_whole(app, platform, belongings):
    _, data = belongings
    models, albums = (inner(data, kind) for kind in ("models", "albums"))
    wrong = {f"model: {k}": ("models", v) for k, v in wrong_models(models).items()}
    wrong |= {f"album: {k}": ("albums", v) for k, v in wrong_albums(albums).items()}
    files = {name: forged(data, *pair) for name, pair in wrong.items()}
    for kind, content in (("models", models), ("albums", albums)):
        for classes in (["dogs", "cats"], ["cats"], ["cats", "dogs", "emus"], None):
            told = {"classes": classes}
            files[f"{kind} {classes}"] = forged(data, kind, content, **told)
        files[f"{kind} changed"] = rewritten(
            data, lambda n, c, kind=kind: c + b" " if n.startswith(kind) else c
        )
        files[f"{kind} path"] = forged(data, kind, content, id="../../etc/passwd")
        files[f"{kind} title"] = forged(data, kind, content, title="a\x00b")
    client = client_of(app, platform.accounts.add("forger"))
    before = set(platform.store.blobs)
    for name, content in files.items():
        answer = client.post("/api/import", content=content)
        assert answer.status_code == 422, (name, answer.text)
        assert any("\u4e00" <= c <= "\u9fff" for c in answer.json()["error"])
        assert all_of(client) == ([], [], []), name
    assert set(platform.store.blobs) == before


def test_an_import_within_the_limits_or_not_at_all(
    app, platform, belongings, monkeypatch
):
    _, data = belongings
    poor = client_of(app, platform.accounts.add("poorer", quota=52))
    assert poor.post("/api/import", content=data).status_code == 429
    assert all_of(poor) == ([], [], [])
    client = client_of(app, platform.accounts.add("collector"))
    with monkeypatch.context() as patch:
        patch.setattr(upload, "MOST_ALBUMS", 0)
        answer = client.post("/api/import", content=data)
    assert (answer.status_code, "先删掉" in answer.json()["error"]) == (422, True)
    with monkeypatch.context() as patch:
        patch.setattr(portables, "MOST_ALL", 10_000)
        answer = client.post("/api/import", content=data)
    assert (answer.status_code, "太大" in answer.json()["error"]) == (422, True)
    assert all_of(client) == ([], [], [])


# ---- what people say -----------------------------------------------------------------


def test_feedback_becomes_data(ann, three, platform, tmp_path):
    for picture, good in zip(three, (True, False, False), strict=True):
        url = f"/api/pictures/{picture['id']}/feedback"
        assert ann.post(url, json={"good": True}).status_code == 200
        told = {"good": good, "reasons": ["像", "清楚"] if good else ["模糊"]}
        assert ann.post(url, json=told).status_code == 200
        assert ann.post(url, json={"good": 1, "reasons": ["x"]}).status_code == 422
    n, gone = written(platform.store, tmp_path / "feedback.zip")
    assert gone == 0
    with zipfile.ZipFile(tmp_path / "feedback.zip") as file:
        lines = [json.loads(x) for x in file.read("feedback.jsonl").splitlines()]
        mine = [x for x in lines if x["job"] == lines[-1]["job"]]
        assert len(lines) == n
        assert [x["good"] for x in mine[-3:]] == [True, False, False]
        name = mine[-1]["picture"]
        assert name.startswith("bad/红/")
        assert pixels_of(file.read(name)).shape == (3, 32, 32)


def test_feedback_on_a_picture_that_is_gone_is_left_out(app, platform, tmp_path):
    client = client_of(app, platform.accounts.add("critic"))
    wish = {**RED, "seed": 77, "n": 1}
    (picture,) = finished(client, client.post("/api/pictures", json=wish))["pictures"]
    before, _ = written(platform.store, tmp_path / "feedback.zip")
    client.post(f"/api/pictures/{picture['id']}/feedback", json={"good": True})
    account = platform.accounts.by_name("critic").id
    row = platform.store.picture(picture["id"], account)
    platform.store.blobs.delete(row["raw"])
    assert written(platform.store, tmp_path / "feedback.zip") == (before, 1)
    with (
        platform.store.engine.begin() as connection
    ):  # other tests look at all there is
        platform.store.change(connection, picture["id"], account, blob="", raw="")


# ---- the whole -----------------------------------------------------------------------


def test_backup_and_restore(platform, ann, three, tmp_path, postgres_url, s3_url):
    store = platform.store
    told = backup(tmp_path / "b", PROJECT, store.engine, ALL, store.blobs, store.needed)
    other = Platform(postgres_url, s3_url, tmp_path)
    other.start()
    assert (
        restore(
            tmp_path / "b",
            PROJECT,
            other.store.engine,
            ALL,
            other.store.blobs,
            other.jobs,
        )
        == told
    )
    client = client_of(service(other), platform.ann)
    assert client.get(three[0]["url"]).content == bytes_of(ann, three[0])
    assert client.get("/api/pictures").json() == ann.get("/api/pictures").json()
    other.close()


def test_health(app):
    told = TestClient(app).get("/health").json()
    assert told["status"] == "ok"
    pace = {"responses", "p95_ms"}
    assert set(told) == {"status", "waiting", "running", "pictures", "models", *pace}


def test_the_arguments_of_the_command():
    parse = parser().parse_args
    assert parse([]).port == 8000
    assert parse(["--port", "9", "serve"]).port == 9
    assert parse(["serve", "--port", "9"]).port == 9
    assert parse(["account", "add", "ann", "--role", "admin"]).role == "admin"
    with pytest.raises(SystemExit):
        parse(["account", "add", "ann", "--role", "god"])
