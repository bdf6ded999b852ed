"""The studio's instrument that was learned: from a file, in turn, within a limit."""

import threading
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from types import SimpleNamespace

import pytest

pytest.importorskip("dbos")
pytest.importorskip("fastapi")

import torch
from fastapi.testclient import TestClient
from tiny_studio import wavenet

from aigc_lib.apps import database
from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.jobs import Jobs
from aigc_lib.apps.music_studio import __main__ as command
from aigc_lib.apps.music_studio import files, learn, player, service
from aigc_lib.apps.music_studio.player import MISSING, Late, Player
from aigc_lib.apps.music_studio.store import VERSIONS, Store
from aigc_lib.apps.music_studio.studio import Tunes
from aigc_lib.apps.refused import Refused
from aigc_lib.codecs.piece import Piece
from aigc_lib.models import Composer, WaveNet

NOTES = [[0, 1, 67], [1, 1, 69]]
TUNE = {"title": "一支", "tempo": 400, "length": 16, "voices": [NOTES]}
PIECE = Piece.from_json(TUNE)


def small(seed=0):
    torch.manual_seed(seed)
    return wavenet()


@pytest.fixture
def house(tmp_path):
    """A studio that plays, but composes nothing."""
    made = database.engine(f"sqlite:///{tmp_path / 'studio.sqlite'}")
    database.upgrade(made, VERSIONS)
    store, accounts = Store(made), Accounts(made)
    jobs = Jobs("music-studio", made, {})
    jobs.start()
    plays = Player(tmp_path / command.INSTRUMENT)
    tunes = Tunes(lambda genre: [])
    app = service.service(store, accounts, jobs, tunes, None, plays)
    yield SimpleNamespace(app=app, accounts=accounts, player=plays)
    jobs.close()
    made.dispose()


@pytest.fixture
def ann(house):
    key = house.accounts.add("ann")
    return TestClient(house.app, headers={"authorization": f"Bearer {key}"})


@pytest.fixture
def bob(house):
    key = house.accounts.add("bob")
    return TestClient(house.app, headers={"authorization": f"Bearer {key}"})


def path_of(client, **fields):
    row = client.post("/api/pieces", json={"piece": TUNE | fields}).json()
    return f"/api/pieces/{row['id']}/file.wav?instrument=wavenet"


def test_it_is_told_how_to_get_one_and_then_it_plays(ann, house):
    path, state = path_of(ann), ann.get("/api/state").json()
    assert state["wavenet"] == {"ready": False, "told": MISSING}
    assert "wavenet" in state["choices"]["learned"]
    assert "wavenet" not in state["choices"]["instruments"]  # the page itself has none
    answer = ann.get(path)
    assert answer.status_code == 422
    assert "learn wavenet" in answer.json()["error"]
    small().save(house.player.path)  # and without a new start
    told = ann.get("/api/state").json()["wavenet"]
    assert told["ready"]
    assert "G3 到 E6" in told["told"]
    answer = ann.get(path)
    assert answer.status_code == 200
    with wave.open(BytesIO(answer.content)) as sound:
        assert sound.getnframes() == (16 * 60 / 400 / 4 + 0.5) * 8_000


def test_the_same_piece_gives_the_same_bytes_and_names_the_model(ann, house):
    path = path_of(ann)
    small().save(house.player.path)
    one, two = ann.get(path).content, ann.get(path).content
    assert one == two
    assert files.BY_WAVENET.encode() in one
    assert files.BY_HAND.encode() in one  # the notes are a person's
    assert files.is_labelled(one)  # the sound is not
    plain = ann.get(path.replace("wavenet", "strings")).content
    assert files.BY_WAVENET.encode() not in plain
    assert not files.is_labelled(plain)
    _, mark = house.player.sound(PIECE)
    assert mark.encode() in one
    small(1).save(house.player.path)  # another model: another sound, another mark
    _, other = house.player.sound(PIECE)
    assert other != mark
    assert ann.get(path).content != one


def test_a_note_that_it_never_learned_is_refused_by_name(ann, house):
    small().save(house.player.path)
    answer = ann.get(path_of(ann, voices=[[[0, 1, 40], [1, 1, 67], [2, 1, 90]]]))
    assert answer.status_code == 422
    assert "E2、F#6 不在" in answer.json()["error"]
    assert "换一种音色" in answer.json()["error"]
    low = {"genre": "pop", "voices": [NOTES, [[0, 4, 40]]]}  # strings play it
    assert ann.get(path_of(ann, **low)).status_code == 200


@pytest.mark.parametrize("content", ["nothing", "composer", "another"])
def test_a_file_with_something_else_is_told_of(house, content):
    path = house.player.path
    if content == "nothing":
        path.write_bytes(b"nothing")
    elif content == "composer":
        Composer(depth=1, width=16, heads=1, context=40).save(path)
    else:
        WaveNet(classes=6, depth=1, stacks=1).save(path)
    with pytest.raises(Refused, match="重新练"):
        house.player.sound(PIECE)
    small().save(path)
    assert house.player.sound(PIECE)


def test_it_ends_when_its_time_is_over(ann, house, monkeypatch):
    path = path_of(ann)
    small().save(house.player.path)
    with pytest.raises(Late):
        house.player.sound(PIECE, until=time.monotonic() - 1)
    monkeypatch.setattr(service, "MOST_SECONDS", -1.0)
    answer = ann.get(path)
    assert answer.status_code == 503
    assert "已停下" in answer.json()["error"]
    monkeypatch.undo()
    assert ann.get(path).status_code == 200  # its turn was given back


def test_it_holds_up_nobody_and_one_plays_at_a_time(ann, bob, house, monkeypatch):
    path, other = path_of(ann), path_of(bob)
    small().save(house.player.path)
    go_on, at_once, most = threading.Event(), [], []

    def slow(*_, **__):
        at_once.append(1)
        most.append(len(at_once))
        assert go_on.wait(60)
        at_once.pop()
        return torch.zeros(8)

    monkeypatch.setattr(player, "wavenet_sound", slow)
    with (
        TestClient(house.app, headers=ann.headers) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        waiting = [pool.submit(client.get, path)]
        until = time.monotonic() + 30
        while not most:
            assert time.monotonic() < until
            time.sleep(0.01)
        waiting.append(pool.submit(client.get, other, headers=bob.headers))
        time.sleep(0.5)
        try:
            for quick in ("/api/state", path.replace("wavenet", "organ")):
                answer = pool.submit(client.get, quick).result(timeout=20)
                assert answer.status_code == 200
            # nobody's wishes fill the queue
            assert pool.submit(client.get, path).result(timeout=20).status_code == 429
        finally:
            go_on.set()
        assert [each.result().status_code for each in waiting] == [200] * 2
    assert len(most) == 2
    assert max(most) == 1


def test_the_command_trains_one(tmp_path, monkeypatch):
    asked = []

    def trained(*, seconds):
        asked.append(seconds)
        return small()

    monkeypatch.setattr(learn, "trained_wavenet", trained)
    for more in ([], ["--seconds", "7"]):
        command.main(["--folder", str(tmp_path), "learn", "wavenet", *more])
    assert asked == [300.0, 7.0]
    assert Player(tmp_path / command.INSTRUMENT).sound(PIECE)


def test_what_is_learned_is_what_the_player_takes(tmp_path):
    path = tmp_path / command.INSTRUMENT
    learn.trained_wavenet(seconds=0.5).save(path)
    assert Player(path).sound(PIECE)


def test_training_leaves_the_readers_generator_alone(monkeypatch):
    monkeypatch.setattr(learn, "fit", lambda *_, **__: None)
    monkeypatch.setattr(learn, "strings", lambda **_: (torch.zeros(1, 9), None))
    monkeypatch.setattr(learn, "learnable", lambda *_, **__: torch.zeros(1, 9))
    for train in (learn.trained_wavenet, learn.trained_composer):
        torch.manual_seed(123)
        before = torch.get_rng_state()
        first, again = (train(seconds=1, say=lambda told: None) for _ in range(2))
        assert torch.equal(torch.get_rng_state(), before)
        for one, other in zip(first.parameters(), again.parameters(), strict=True):
            assert torch.equal(one, other)
