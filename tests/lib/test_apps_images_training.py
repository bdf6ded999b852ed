"""Training on one's own pictures: progress, a look, stopping, going on, the gate."""

import time
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("sqlalchemy")
pytest.importorskip("obstore")
pytest.importorskip("fastapi")

from fastapi.testclient import TestClient
from tiny_platform import CLASSES, WIDTHS, aged, finished, platform_at, png, tiny_model

from aigc_lib.apps.image_platform import trainer
from aigc_lib.apps.image_platform.service import service
from aigc_lib.apps.image_platform.studio import pixels_of
from aigc_lib.apps.image_platform.trainer import add_file, held_out, judged, settle
from aigc_lib.apps.image_platform.upload import LEAST

N = 28


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "LOOKS", 1_000)  # a long training hears soon to stop
        with platform_at(tmp_path_factory.mktemp("training")) as platform:
            yield platform


@pytest.fixture(scope="module")
def clients(platform):
    app = service(platform)
    found = {}
    for name in ("ann", "bob"):
        client = TestClient(app, raise_server_exceptions=False)
        key = platform.accounts.add(name, quota=100_000)
        client.headers["Authorization"] = f"Bearer {key}"
        found[name] = client
    return SimpleNamespace(**found)


@pytest.fixture(scope="module")
def album(clients):
    files = [
        (
            "files",
            (f"{'cats' if i % 2 else 'dogs'}/{i}.png", png((64, 64), (9 * i, 80, 90))),
        )
        for i in range(N)
    ]
    answer = clients.ann.post("/api/albums", files=files, data={"title": "mine"})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def trained(client, album, **asked):
    asked = {"title": "cats and dogs", "steps": 20, **asked}
    return client.post(f"/api/albums/{album}/train", json=asked)


def test_a_model_of_ones_own(clients, album, platform):
    job = finished(clients.ann, trained(clients.ann, album))
    assert job["state"] == "done", job
    aged(platform, platform.store.blobs)
    platform.clear()  # it leaves the last look
    assert (
        pixels_of(clients.ann.get(f"/api/jobs/{job['id']}/look").content).shape[0] == 3
    )
    mine = [m for m in clients.ann.get("/api/models").json() if m["mine"]]
    (model,) = mine
    assert (model["title"], model["classes"]) == ("cats and dogs", ["cats", "dogs"])
    assert (model["size"], model["edits"]) == (64, True)
    figures = model["figures"]
    assert figures["train"] + figures["test"] == N
    assert not figures["passed"]  # of 20 steps
    assert model["id"] not in [m["id"] for m in clients.bob.get("/api/models").json()]

    asked = {"model": model["id"], "label": "cats", "n": 1, "steps": 2}
    made = finished(clients.ann, clients.ann.post("/api/pictures", json=asked))
    assert len(made["pictures"]) == 1
    assert clients.bob.post("/api/pictures", json=asked).status_code == 422
    url = f"/api/models/{model['id']}/publish"
    refused = clients.ann.post(url, json={"on": True})
    assert refused.status_code == 409
    assert "没有通过" in refused.json()["error"]
    assert clients.bob.post(url, json={"on": True}).status_code == 404
    assert (
        clients.ann.post("/api/models/1/publish", json={"on": False}).status_code == 404
    )


def test_through_the_gate_everybody_may_use_it(clients, platform, tmp_path):
    store = platform.store
    blob = store.blobs.put(tiny_model(tmp_path / "m").read_bytes())
    ann = platform.accounts.by_name("ann").id
    with store.engine.begin() as connection:
        store.add_model(
            connection,
            account=ann,
            job="gate",
            title="good",
            blob=blob,
            published=False,
            figures={"passed": True},
            size=32,
            edits=True,
            words=False,
            classes=CLASSES,
        )
    (number,) = (m["id"] for m in store.models(ann) if m["title"] == "good")
    url = f"/api/models/{number}/publish"
    assert clients.ann.post(url, json={"on": True}).json() == {"published": True}
    asked = {"model": number, "label": CLASSES[0], "n": 1, "steps": 2}
    assert finished(clients.bob, clients.bob.post("/api/pictures", json=asked))[
        "pictures"
    ]
    assert clients.ann.post(url, json={"on": False}).json() == {"published": False}
    assert clients.bob.post("/api/pictures", json=asked).status_code == 422


def test_a_slow_job_does_not_hold_up_the_others(clients, album):
    slow = trained(clients.ann, album, steps=20_000).json()["url"]
    while clients.ann.get(slow).json()["state"] != "running":
        time.sleep(0.05)
    asked = {"model": 1, "label": CLASSES[0], "n": 1, "steps": 2}
    made = finished(clients.bob, clients.bob.post("/api/pictures", json=asked))
    assert made["state"] == "done"
    assert clients.ann.get(slow).json()["state"] == "running"
    assert clients.bob.post(f"{slow}/stop").status_code == 404
    assert clients.ann.post(f"{slow}/cancel").json() == {"done": True}
    assert clients.ann.get(slow).json()["state"] == "cancelled"
    assert len([m for m in clients.ann.get("/api/models").json() if m["mine"]]) < 3


def test_stopping_early_keeps_what_was_learned(clients, album):
    answer = trained(clients.ann, album, title="stopped", steps=20_000)
    url = answer.json()["url"]
    while not clients.ann.get(url).json()["told"]:
        time.sleep(0.05)
    assert clients.ann.post(f"{url}/stop").json() == {"done": True}
    assert finished(clients.ann, answer)["state"] == "done"
    titles = [m["title"] for m in clients.ann.get("/api/models").json()]
    assert "stopped" in titles


def test_checkpoints_of_trainings_that_ended_are_removed(platform, monkeypatch):
    states = {"runs": {"state": "running"}, "stopped": {"state": "cancelled"}}
    monkeypatch.setattr(platform.jobs, "status", states.get)
    for name in (*states, "of no job"):
        (platform.trainings / name / "codes").mkdir(parents=True)
    platform.clear()
    assert [path.name for path in platform.trainings.glob("*")] == ["runs"]


def test_a_training_of_nothing(clients, album):
    assert trained(clients.bob, album).status_code == 404  # another's pictures
    assert trained(clients.ann, 99).status_code == 404
    for wrong in ({"steps": 1}, {"steps": 10**9}, {"title": ""}, {"title": "a\nb"}):
        assert trained(clients.ann, album, **wrong).status_code == 422
    assert LEAST <= N


class Killed(BaseException):
    """The process ends here."""


class Task:
    """What a training tells, and where it is killed."""

    def __init__(self, kill_at=2.0):
        self.kill_at, self.shares = kill_at, []

    def tell(self, share, told="", look=None, now=False):
        self.shares.append(share)
        if share >= self.kill_at:
            raise Killed
        return True


def test_a_killed_training_goes_on_where_it_was(platform, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "SAVE_EVERY", 2)
    monkeypatch.setattr(trainer, "WIDTHS", WIDTHS)
    source = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (24, 3, 32, 32), generator=source).to(torch.uint8)
    y = torch.arange(24) % 2

    def run(work, task):
        tell = trainer.Teller(platform.store, task)
        return trainer.learned(x, y, ["a", "b"], 10, tmp_path / work, tell)

    whole = run("whole", Task())
    for kill_at in (0.2, 0.6):
        with pytest.raises(Killed):
            run("killed", Task(kill_at))
    last = Task()
    again = run("killed", last)
    assert last.shares[0] > 0.3  # not from the beginning
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name]), name


def looks(n, seed, low=0, high=256):
    """Pictures of two flat colours each."""
    source = torch.Generator().manual_seed(seed)
    colours = torch.randint(low, high, (n, 2, 3, 1, 1), generator=source)
    x = torch.cat(
        [colours[:, 0].expand(-1, -1, 32, 16), colours[:, 1].expand(-1, -1, 32, 16)], 3
    )
    return x.to(torch.uint8)


def test_the_gate_tells_good_from_bad():
    train, test = looks(300, 0), looks(60, 1)
    passed = {
        "like the real ones": judged(train, test, looks(128, 2))["passed"],
        "copies": judged(train, test, train[:128])["passed"],
        "one picture": judged(train, test, test[:1].expand(128, -1, -1, -1))["passed"],
        "noise": judged(
            train, test, torch.randint(0, 256, (128, 3, 32, 32)).to(torch.uint8)
        )["passed"],
    }
    assert passed == {
        "like the real ones": True,
        "copies": False,
        "one picture": False,
        "noise": False,
    }


def test_equal_pictures_are_held_out_together():
    x = looks(200, 0)
    test = held_out(torch.cat([x, x]))
    assert torch.equal(test[:200], test[200:])
    assert 5 <= int(test[:200].sum()) <= 40


@pytest.mark.parametrize("seed", range(20))
def test_the_smallest_album_can_be_judged(seed):
    x = looks(LEAST, seed)
    test = held_out(torch.cat([x, x]))
    assert 3 <= len(x[test[:LEAST]].unique(dim=0)) <= LEAST // 2


def test_the_house_learns_only_where_it_has_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "is_trained", lambda name: False)
    with platform_at(tmp_path / "a", work=None) as platform:
        assert settle(platform.store, platform.jobs) == []
    empty = SimpleNamespace(house_models=set, house_titles=set)
    asked = []

    def submit(kind, request, key):
        asked.append((kind, request["kind"], key))
        return key, True

    ids = settle(empty, SimpleNamespace(submit=submit))
    assert ids == ["house gan", "house flow"]
    assert [kind for _, kind, _ in asked] == ["gan", "flow"]


def test_what_the_house_learns(tmp_path, monkeypatch):
    with platform_at(tmp_path / "a", work=None) as platform:
        for request in trainer.SMALL:
            task = Task()
            task.request = {**request, "steps": 4}
            told = trainer.house(platform.store, task)
            assert len(told["classes"]) == 10
            assert told["edits"] == (request["kind"] == "flow")
            assert task.shares == sorted(task.shares)
            assert platform.store.blobs.has(told["blob"])


def test_a_file_that_is_no_picture_model(tmp_path):
    with platform_at(tmp_path / "a", work=None) as platform:
        with pytest.raises(ValueError, match="the model knows 3"):
            add_file(platform.store, tmp_path / "a" / "flow.safetensors", "x", ["a"])
        (tmp_path / "text").write_text("no model")
        with pytest.raises(ValueError, match="text"):
            add_file(platform.store, tmp_path / "text", "x", [])
