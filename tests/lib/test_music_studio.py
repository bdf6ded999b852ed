"""The music studio: what is asked, kept, played, taken away, and by whom."""

import json
import struct
import threading
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from types import SimpleNamespace

import pytest

pytest.importorskip("dbos")
pytest.importorskip("fastapi")
pytest.importorskip("music21")
pytest.importorskip("verovio")

import torch
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib.apps import database
from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.backup import backup, restore
from aigc_lib.apps.jobs import EMPTY, JOBS, Jobs
from aigc_lib.apps.music_studio import __main__ as command
from aigc_lib.apps.music_studio import files, learn, service, wishes
from aigc_lib.apps.music_studio.store import TABLES, VERSIONS, Missing, Store
from aigc_lib.apps.music_studio.studio import (
    LONG,
    SHORT,
    WORK,
    Studio,
    Tunes,
    composed,
    kind_of,
)
from aigc_lib.apps.music_studio.wishes import checked, checked_piece
from aigc_lib.apps.refused import Refused
from aigc_lib.codecs.piece import Piece
from aigc_lib.codecs.scores import to_svg
from aigc_lib.data.download import DataUnavailable
from aigc_lib.data.pieces import pieces
from aigc_lib.models import Composer

TUNE = {
    "title": "A <b>tune</b>",
    "genre": "folk",
    "metre": "4/4",
    "key": "G major",
    "tempo": 120,
    "pickup": 0,
    "length": 32,
    "voices": [[[0, 4, 67], [4, 4, 69], [8, 8, 71], [16, 4, 74], [20, 12, 67]]],
    "chords": [[0, "G"], [16, "D7"]],
}
WISH = {"kind": "compose", "bars": 1, "seed": 3}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of a composer that has learned nothing: what it writes is noise."""
    torch.manual_seed(0)
    small = Composer(depth=1, width=16, heads=1, context=400, dropout=0.0)
    path = tmp_path_factory.mktemp("model") / "composer.safetensors"
    small.save(path)
    return path


def tunes_of(genre):
    if genre == "folk":
        return [Piece.from_json(TUNE), *pieces("pop")[:5]]
    raise DataUnavailable("not here")


@pytest.fixture(scope="module")
def house(model, tmp_path_factory):
    """A studio that works in this process, and clients of its accounts."""
    folder = tmp_path_factory.mktemp("house")
    made = database.engine(f"sqlite:///{folder / 'studio.sqlite'}")
    database.upgrade(made, VERSIONS)
    store, accounts = Store(made), Accounts(made)
    studio = Studio(lambda say: (Composer.load(model), model))
    jobs = Jobs("music-studio", made, studio.kinds(store))
    jobs.start(WORK)
    tunes = Tunes(tunes_of)
    app = service.service(store, accounts, jobs, tunes, studio)
    yield SimpleNamespace(
        app=app,
        store=store,
        accounts=accounts,
        jobs=jobs,
        tunes=tunes,
        studio=studio,
        folder=folder,
    )
    jobs.close()
    made.dispose()


@pytest.fixture(scope="module")
def working(house):
    """The same, with its model and tunes at hand."""
    house.studio.start().join()
    house.tunes.prepare()
    return house


def client_of(house, name=None, **options):
    name = name or f"a{time.monotonic_ns()}"
    key = house.accounts.add(name, **options)
    headers = {"authorization": f"Bearer {key}"}
    return TestClient(house.app, headers=headers)


@pytest.fixture
def ann(working):
    return client_of(working)


@pytest.fixture
def bob(working):
    return client_of(working)


def keep(client, piece=TUNE, **more):
    answer = client.post("/api/pieces", json={"piece": piece, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def ask(client, wish, house=None, **headers):
    answer = client.post("/api/jobs", json=wish, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def written(client, wish, seconds=90):
    identity = ask(client, wish)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job = client.get(f"/api/jobs/{identity}").json()
        if job["state"] not in ("waiting", "running"):
            assert job["state"] == "done", job
            return client.get(f"/api/pieces/{identity}").json()
        time.sleep(0.05)
    raise TimeoutError(identity)


# ---- what may be asked ---------------------------------------------------------------


def test_a_wish_gets_all_its_fields():
    wish = checked({"kind": "compose"})
    assert wish == {
        "kind": "compose",
        "seed": 0,
        "temperature": 1.0,
        "wishes": {},
        "genre": "folk",
        "metre": "4/4",
        "key": "G major",
        "mood": None,
        "tempo": 100,
        "title": "",
        "bars": 8,
    }
    before = Piece.from_json(TUNE)
    assert checked({"kind": "go_on", "bars": 2}, before)["bars"] == 2
    assert checked({"kind": "fill", "bars": [0, 1]}, before)["bars"] == [0, 1]
    assert checked({"kind": "vary", "bars": [0, 2]}, before)["keep"] == "pitches"
    assert checked({"kind": "harmonise"}, before)["genre"] == "folk"


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ([], "JSON"),
        ({}, "kind"),
        ({"kind": "sing"}, "compose"),
        ({"kind": "compose", "speed": 1}, "speed"),
        ({"kind": "compose", "seed": -1}, "seed"),
        ({"kind": "compose", "seed": 1.5}, "整数"),
        ({"kind": "compose", "seed": True}, "seed"),
        ({"kind": "compose", "seed": float("nan")}, "seed"),
        ({"kind": "compose", "seed": 10**400}, "seed"),
        ({"kind": "compose", "tempo": 10**400}, "tempo"),
        ({"kind": "compose", "bars": 33}, "bars"),
        ({"kind": "compose", "bars": "8"}, "bars"),
        ({"kind": "compose", "temperature": 0}, "temperature"),
        ({"kind": "compose", "genre": "jazz"}, "folk"),
        ({"kind": "compose", "key": "H major"}, "key"),
        ({"kind": "compose", "metre": "5/4"}, "metre"),
        ({"kind": "compose", "mood": "angry"}, "mood"),
        ({"kind": "compose", "tempo": 1e9}, "tempo"),
        ({"kind": "compose", "title": "x" * 201}, "title"),
        ({"kind": "compose", "wishes": {"loud": True}}, "wishes"),
        ({"kind": "compose", "wishes": {"low": 60, "high": 62}}, "半音"),
        ({"kind": "compose", "wishes": {"in_key": 1}}, "in_key"),
        (
            {"kind": "compose", "genre": "chorale", "wishes": {"chord_tones": True}},
            "不写和弦",
        ),
        ({"kind": "fill", "bars": [0, 2]}, "至少一小节"),
        ({"kind": "fill", "bars": [1, 1]}, "bars"),
        ({"kind": "fill", "bars": [0, 3]}, "bars"),
        ({"kind": "fill"}, "bars"),
        ({"kind": "vary", "bars": [0, 1], "keep": "words"}, "keep"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_in_chinese(wish, says):
    with pytest.raises(Refused) as error:
        checked(wish, Piece.from_json(TUNE))
    assert says in str(error.value)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in str(error.value))


def test_a_beginning_that_cannot_be_written_down_is_refused():
    def beginning(**fields):
        return Piece.from_json({**TUNE, "chords": [], **fields})

    go_on = {"kind": "go_on"}
    with pytest.raises(Refused, match="先画一段"):
        checked(go_on)
    with pytest.raises(Refused, match="还没有音符"):
        checked(go_on, beginning(voices=[[]]))
    with pytest.raises(Refused, match="C8 超出"):
        checked(go_on, beginning(voices=[[[0, 4, 108]]]))
    with pytest.raises(Refused, match="2 个声部"):
        checked(go_on, beginning(genre="pop"))
    with pytest.raises(Refused, match="八分音符为止"):
        checked(go_on, beginning(genre="pop", voices=[[[0, 3, 67]], []]))
    checked(go_on, beginning(genre="pop", voices=[[[0, 4, 67]], []]))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_sent_as_a_piece_is_refused_or_one(sent):
    for content in (sent, {"voices": sent, "length": 16}, {**TUNE, "chords": sent}):
        try:
            piece = checked_piece(content)
        except Refused:
            continue
        assert Piece.from_json(piece.to_json()) == piece


def test_a_piece_that_is_too_long_is_refused():
    with pytest.raises(Refused, match="最多"):
        checked_piece({**TUNE, "length": 8_000})
    with pytest.raises(Refused, match="最多"):
        checked_piece({**TUNE, "length": 2_000, "tempo": 20})
    with pytest.raises(Refused, match="没有音符"):
        checked_piece({**TUNE, "voices": [[]]})


def test_long_jobs_wait_for_their_like_only():
    def kind(before=None, **wish):
        piece = before and Piece.from_json(before)
        return kind_of(checked(wish, piece) | {"piece": before})

    assert kind(kind="compose", bars=16) == SHORT
    assert kind(kind="compose", bars=17) == LONG
    assert kind(kind="compose", genre="chorale", bars=9) == LONG
    assert kind(kind="compose", metre="3/8", bars=32) == SHORT
    long = Piece.from_json({**TUNE, "length": 40 * 16}).to_json()
    assert kind(long, kind="vary", bars=[3, 5]) == SHORT
    assert kind(long, kind="go_on", bars=1) == SHORT
    assert kind(long, kind="harmonise") == LONG
    assert {k.queue for k in Studio(None).kinds(None).values()} == set(WORK)


# ---- pieces that are kept ------------------------------------------------------------


def test_the_changes_make_the_tables_that_the_code_knows(database_url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    made = database.engine(database_url)
    database.upgrade(made, VERSIONS)
    with made.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), TABLES)
    assert [d for d in found if d[0] != "remove_table" and "index" not in d[0]] == []
    made.dispose()


def test_the_store_on_both_databases(database_url):
    made = database.engine(database_url)
    database.upgrade(made, VERSIONS)
    store, accounts = Store(made), Accounts(made)
    accounts.add("ann")
    accounts.add("bob")
    ann, bob = (accounts.by_name(name).id for name in ("ann", "bob"))
    piece = Piece.from_json(TUNE)
    assert store.add(ann, "1", piece, made="drawn")
    assert not store.add(ann, "1", piece, made="drawn")
    assert store.add(ann, "2", piece, made="go_on", parent="1", by_model=True)
    assert store.add(ann, "3", piece, made="drawn", parent="2")
    rows = {row["id"]: row for row in store.search(ann)}
    assert {row["root"] for row in rows.values()} == {"1"}
    assert [rows[i]["by_model"] for i in "123"] == [False, True, True]
    assert store.get(ann, "2")["piece"] == piece.to_json()
    for work in (store.get, store.delete, store.change):
        with pytest.raises(Missing):
            work(bob, "1")
    with pytest.raises(Missing):
        store.judge(bob, "1", 1, [], "")
    assert store.search(bob) == []
    # search: signs of LIKE are letters
    assert len(store.search(ann, q="a <B>")) == 3
    assert store.search(ann, q="%") == store.search(ann, q="_") == []
    assert [r["id"] for r in store.search(ann, made="go_on")] == ["2"]
    assert store.search(ann, key="D major") == []
    store.change(ann, "2", favourite=True, title="Two")
    assert [r["title"] for r in store.search(ann, favourite=True)] == ["Two"]
    # opinions: the latest counts, no account goes out
    store.judge(ann, "2", 1, ["有新意"], "好")
    store.judge(ann, "2", -1, ["太单调"], "")
    (said,) = store.opinions()
    assert said["thumb"] == -1
    assert said["before"] == piece.to_json()
    assert "account" not in said
    # deleted: gone from sight, back, gone for good
    store.delete(ann, "2")
    assert len(store.search(ann)) == 2
    assert [r["id"] for r in store.search(ann, deleted=True)] == ["2"]
    assert list(store.opinions()) == []
    assert store.purge() == 0
    store.delete(ann, "2", back=True)
    assert len(store.search(ann)) == 3
    store.delete(ann, "2")
    assert store.purge(grace=-1.0) == 1
    assert {r["id"] for r in store.search(ann)} == {"1", "3"}
    made.dispose()


def test_a_purge_reaches_what_jobs_were_asked_and_gave(database_url):
    made = database.engine(database_url)
    database.upgrade(made, VERSIONS)
    store, accounts = Store(made), Accounts(made)
    accounts.add("ann")
    ann, piece = accounts.by_name("ann").id, Piece.from_json(TUNE)
    result = {"piece": TUNE, "model": "0123"}

    def job(identity, parent, state, ended=0.0):
        asked = {"kind": "go_on", "parent": parent, "piece": parent and TUNE}
        row = {"kind": SHORT, "queue": "quick", "account": ann, "state": state}
        row |= {"request": asked, "result": result, "created": 0.0, "ended": ended}
        with made.begin() as connection:
            connection.execute(JOBS.insert().values(**EMPTY, id=identity, **row))
        if state == "done":
            store.add(ann, identity, piece, made="go_on", parent=parent)

    job("purged", None, "done")
    job("kept", None, "done")
    job("of the purged", "purged", "done")
    job("of the kept", "kept", "done")
    job("failed", None, "failed")
    job("waits", "purged", "waiting", None)
    store.delete(ann, "purged")
    for _ in range(2):
        store.purge(grace=-1.0)
        with made.connect() as connection:
            found = {row["id"]: row for row in database.rows(connection, JOBS.select())}
        assert len(found) == 6
        forgotten = {i for i, row in found.items() if row["request"] == {}}
        assert forgotten == {"purged", "of the purged", "failed"}
        assert forgotten == {i for i, row in found.items() if row["result"] is None}
    made.dispose()


# ---- files ---------------------------------------------------------------------------

ROW = {
    "piece": TUNE,
    "title": "A <b>tune</b> & 曲",
    "by_model": True,
    "made": "compose",
    "recipe": {"seed": 3, "model": "0123"},
}


@pytest.mark.parametrize("kind", files.TYPES)
def test_a_file_is_the_same_each_time_and_says_who_made_it(kind):
    raw = files.rendered(ROW, kind)
    time.sleep(1.1)  # no clock goes in
    assert raw == files.rendered(ROW, kind)
    assert files.is_labelled(raw)
    assert '"seed": 3' in raw.decode("utf-8", "replace") or kind == "json"
    assert not files.is_labelled(files.rendered({**ROW, "by_model": False}, kind))


def test_other_programs_read_the_files():
    from music21 import midi

    with wave.open(BytesIO(files.rendered(ROW, "wav"))) as sound:
        assert sound.getparams()[:3] == (1, 2, 8_000)
        seconds = sound.getnframes() / 8_000
    assert seconds == pytest.approx(4, abs=1)
    raw = files.rendered(ROW, "wav")
    assert struct.unpack("<I", raw[4:8])[0] == len(raw) - 8
    file = midi.MidiFile()
    file.readstr(files.rendered(ROW, "mid"))
    notes = [e.pitch for t in file.tracks for e in t.events if e.isNoteOn()]
    assert [note[2] for note in TUNE["voices"][0]] == notes[:5]
    told = json.loads(files.rendered(ROW, "json"))
    assert Piece.from_json(told["piece"]).voices == Piece.from_json(TUNE).voices


def test_a_picture_of_a_score_runs_nothing():
    from xml.etree import ElementTree

    picture = files.rendered({**ROW, "recipe": {"x": "</metadata><script>"}}, "svg")
    root = ElementTree.fromstring(picture)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "foreignObject", "image"}
    assert root.attrib["viewBox"] != "0 0 0 0"


def test_a_score_is_drawn_in_any_thread():
    piece, found = Piece.from_json(TUNE), []
    for _ in range(2):
        thread = threading.Thread(target=lambda: found.append(to_svg(piece)))
        thread.start()
        thread.join()
    assert found == [to_svg(piece)] * 2


def test_a_long_text_fits_into_midi():
    short = files.rendered(ROW, "mid")
    marked = files.with_text(short, "x" * 20_000)
    from music21 import midi

    file = midi.MidiFile()
    file.readstr(marked)
    texts = [e.data for t in file.tracks for e in t.events]
    assert b"x" * 20_000 in texts
    with pytest.raises(ValueError, match="MIDI"):
        files.with_text(b"MThd", "x")


# ---- the service ---------------------------------------------------------------------


def test_before_the_model_is_there(house):
    if house.studio.ready.is_set():
        pytest.skip("only where this test comes first")
    client = client_of(house)
    assert client.get("/api/state").json()["model"]["ready"] is False
    identity = ask(client, WISH)
    until = time.monotonic() + 30
    while (job := client.get(f"/api/jobs/{identity}").json())["told"] == "":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert job["told"] == "正在准备模型。"
    row = keep(client)
    assert "wait" in client.get(f"/api/pieces/{row['id']}/alike").json()
    assert client.post(f"/api/jobs/{identity}/cancel").json() == {"cancelled": True}


def test_from_a_beginning_to_a_version(ann, working):
    state = ann.get("/api/state").json()
    assert state["model"]["ready"]
    row = keep(ann)
    assert row["made"] == "drawn"
    assert not row["by_model"]
    more = written(ann, {"kind": "go_on", "bars": 1, "parent": row["id"]})
    assert more["bars"] == 3
    assert more["parent"] == more["root"] == row["id"]
    assert more["by_model"]
    notes = more["piece"]["voices"][0]
    assert [n for n in notes if n[0] < 32] == TUNE["voices"][0]
    assert {r["id"] for r in ann.get(f"/api/pieces?root={row['root']}").json()} == {
        row["id"],
        more["id"],
    }
    child = keep(ann, more["piece"], parent=more["id"])
    assert child["by_model"]  # what a model made stays marked when it is changed
    told = ann.get(f"/api/pieces/{row['id']}/alike").json()
    assert told["notes"] == 5
    assert "5 个音" in told["told"]
    assert told["nearest"][0][2] == pytest.approx(1)
    assert ann.get("/api/tunes/folk/0").json()["title"] == TUNE["title"]
    assert ann.get("/api/tunes/folk/99").status_code == 404
    assert ann.get("/api/state").json()["left"] == state["left"] - 1


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "harmonise"},
        {"kind": "harmonise", "genre": "pop"},
        {"kind": "vary", "bars": [0, 1], "keep": "rhythm"},
        {"kind": "fill", "bars": [0, 1]},
    ],
)
def test_what_is_not_to_change_stays(ann, wish):
    row = keep(ann)
    found = written(ann, {**wish, "parent": row["id"]})["piece"]
    before = TUNE["voices"][0]
    if wish["kind"] == "harmonise":
        assert found["voices"][0] == before
        assert len(found["voices"]) == (2 if "genre" in wish else 1)
    else:
        assert [n for n in found["voices"][0] if n[0] >= 16] == before[3:]
    if wish["kind"] == "vary":
        assert [n[:2] for n in found["voices"][0]] == [n[:2] for n in before]


def test_the_same_wish_gives_the_same_bytes(ann, bob):
    one, two = written(ann, WISH), written(bob, WISH)
    assert one["id"] != two["id"]
    for kind in ("json", "mid", "wav"):
        pair = [
            client.get(f"/api/pieces/{row['id']}/file.{kind}")
            for client, row in ((ann, one), (bob, two))
        ]
        assert pair[0].content == pair[1].content
        assert files.is_labelled(pair[0].content)
    other = written(ann, {**WISH, "seed": 4})
    assert other["piece"]["voices"] != one["piece"]["voices"]


def test_a_wish_that_is_sent_again_is_granted_once(ann):
    key = {"idempotency-key": "wish-1"}
    left = ann.get("/api/state").json()["left"]
    first = ann.post("/api/jobs", json=WISH, headers=key)
    again = ann.post("/api/jobs", json=WISH, headers=key)
    assert first.json()["id"] == again.json()["id"]
    assert (first.json()["new"], again.json()["new"]) == (True, False)
    assert ann.get("/api/state").json()["left"] == left - 1
    assert (
        ann.post("/api/jobs", json={**WISH, "seed": 9}, headers=key).status_code == 409
    )
    rows = [keep_with(ann, "p-1") for _ in range(2)]
    assert rows[0]["id"] == rows[1]["id"]
    answer = ann.post(
        "/api/pieces",
        json={"piece": {**TUNE, "tempo": 60}},
        headers={"idempotency-key": "p-1"},
    )
    assert answer.status_code == 409


def test_a_wish_whose_piece_was_purged_is_not_granted_again(ann, working):
    key, wish = {"idempotency-key": "once"}, {**WISH, "title": "秘密"}
    identity = ask(ann, wish, **key)
    assert working.jobs.wait(identity)["state"] == "done"
    ann.delete(f"/api/pieces/{identity}")
    working.store.purge(grace=-1.0)
    assert "秘密" not in repr(working.jobs.status(identity))
    assert ann.get(f"/api/jobs/{identity}").json()["asked"] is None
    assert ann.post("/api/jobs", json=wish, headers=key).status_code == 409
    assert ann.get(f"/api/pieces/{identity}").status_code == 404


def keep_with(client, key):
    headers = {"idempotency-key": key}
    return client.post("/api/pieces", json={"piece": TUNE}, headers=headers).json()


def test_what_the_model_cannot_do_is_said(ann):
    low = {**TUNE, "voices": [[[0, 32, 100]]]}  # beyond the voice, also an octave off
    answer = ann.post(
        "/api/jobs", json={"kind": "go_on", "parent": keep(ann, low)["id"]}
    )
    assert answer.status_code == 422
    assert "音域" in answer.json()["error"]
    long = keep(ann, {**TUNE, "length": 33 * 16})
    answer = ann.post(
        "/api/jobs", json={"kind": "go_on", "bars": 32, "parent": long["id"]}
    )
    assert "64 小节" in answer.json()["error"]


def test_a_model_that_finds_no_draft(working):
    class Stuck:
        def compose(self, **options):
            raise ValueError("bar 1: no draft keeps to the wishes")

    wish = checked(WISH) | {"parent": None, "piece": None}
    with pytest.raises(Refused, match="放宽"):
        composed(Stuck(), wish, lambda share: None)


def test_a_broken_model_is_told_of(tmp_path, working, ann):
    path = tmp_path / "composer.safetensors"
    path.write_bytes(b"nothing")
    studio = Studio(lambda say: (Composer.load(path), path))
    studio.start().join()
    assert studio.ready.is_set()
    with pytest.raises(Refused, match="模型没有准备好"):
        studio.work(SimpleNamespace(request={}, tell=lambda *words: None))
    app = service.service(
        working.store, working.accounts, working.jobs, working.tunes, studio
    )
    model = TestClient(app, headers=ann.headers).get("/api/state").json()["model"]
    assert not model["ready"]
    assert "重新启动" in model["told"]
    assert "排队" not in model["told"]  # no job would ever be done


def test_a_composer_that_learned_longer_is_taken_up(tmp_path, monkeypatch):
    def trained(*, seconds):
        return Composer(depth=1, width=16, heads=1, context=int(seconds))

    monkeypatch.setattr(learn, "trained_composer", trained)
    for seconds in (45, 60):
        command.main(["--folder", str(tmp_path), "learn", "--seconds", str(seconds)])
        studio = command.studio_at(tmp_path)
        studio.start().join()
        assert studio.composer.context == seconds


def test_without_tunes_nothing_is_compared(ann):
    row = keep(ann, {**TUNE, "genre": "pop", "voices": [TUNE["voices"][0], []]})
    assert "不在这台机器上" in ann.get(f"/api/pieces/{row['id']}/alike").json()["told"]


def test_quota_and_open_jobs_are_limited(working, monkeypatch):
    poor = client_of(working, quota=1)
    ask(poor, WISH)
    answer = poor.post("/api/jobs", json=WISH)
    assert answer.status_code == 429
    assert "额度" in answer.json()["error"]
    assert int(answer.headers["retry-after"]) > 0
    monkeypatch.setattr(working.jobs, "most_open", 0)
    waiting = client_of(working)
    answer = waiting.post("/api/jobs", json=WISH)
    assert answer.status_code == 429
    assert waiting.get("/api/jobs").json() == []
    assert waiting.get("/api/state").json()["left"] == 1_000


def test_the_gallery(ann):
    rows = [keep(ann, {**TUNE, "title": f"第{n}首", "key": k}) for n, k in
            enumerate(("G major", "D major", "A minor"))]  # fmt: skip
    path = f"/api/pieces/{rows[0]['id']}"
    assert ann.patch(path, json={"favourite": True}).json()["favourite"]
    assert ann.patch(path, json={"title": " 新\x00名 "}).json()["title"] == "新 名"
    for wrong in ({"title": ""}, {"title": 3}, {"favourite": 1}, {"account": 2}, []):
        assert ann.patch(path, json=wrong).status_code == 422
    assert len(ann.get("/api/pieces?favourite=true").json()) == 1
    assert [r["key"] for r in ann.get("/api/pieces?key=D%20major").json()] == [
        "D major"
    ]
    assert len(ann.get("/api/pieces?q=第").json()) == 2
    page = ann.get("/api/pieces?most=1").json()
    older = ann.get(f"/api/pieces?most=5&before={page[0]['created']}").json()
    assert len(older) == 2
    assert ann.get("/api/pieces?most=0").status_code == 422
    ann.delete(path)
    assert len(ann.get("/api/pieces").json()) == 2
    assert len(ann.get("/api/pieces?deleted=true").json()) == 1
    wish = {"kind": "go_on", "parent": rows[0]["id"], "bars": 1}
    answer = ann.post("/api/jobs", json=wish)
    assert (answer.status_code, "先恢复" in answer.json()["error"]) == (422, True)
    assert ann.post(f"{path}/restore").status_code == 200
    assert len(ann.get("/api/pieces").json()) == 3
    assert ann.post("/api/jobs", json=wish).status_code == 202


def test_opinions(ann, working):
    path = f"/api/pieces/{keep(ann)['id']}"
    said = {"thumb": -1, "reasons": ["太单调"], "words": "再\n活泼些"}
    assert ann.post(f"{path}/opinion", json=said).json()["words"] == "再 活泼些"
    assert ann.get(path).json()["opinion"]["reasons"] == ["太单调"]
    for wrong in (
        {"thumb": 0},
        {"thumb": True},
        {"thumb": 1, "reasons": ["太单调"]},
        {"thumb": 1, "words": "x" * 501},
        [],
    ):
        assert ann.post(f"{path}/opinion", json=wrong).status_code == 422
    target = working.folder / "opinions.jsonl"
    command.main(["--folder", str(working.folder), "feedback", str(target)])
    lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert any(line["words"] == "再 活泼些" for line in lines)


# ---- who may what --------------------------------------------------------------------


def test_nobody_gets_at_anothers(ann, bob):
    row, job = keep(ann), ask(ann, WISH)
    path = f"/api/pieces/{row['id']}"
    for method, where, body in (
        ("GET", path, None),
        ("GET", f"{path}/alike", None),
        ("GET", f"{path}/file.wav", None),
        ("GET", f"{path}/file.json", None),
        ("PATCH", path, {"title": "mine"}),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
        ("POST", f"{path}/opinion", {"thumb": 1}),
        ("GET", f"/api/jobs/{job}", None),
        ("POST", f"/api/jobs/{job}/cancel", None),
        ("POST", "/api/jobs", {"kind": "go_on", "parent": row["id"]}),
        ("POST", "/api/pieces", {"piece": TUNE, "parent": row["id"]}),
    ):
        answer = bob.request(method, where, json=body)
        assert answer.status_code == 404, (method, where)
        assert "没有" in answer.json()["error"]
    assert bob.get(f"/api/pieces?root={row['root']}").json() == []
    assert ann.get(path).json()["title"] == TUNE["title"]


@pytest.mark.parametrize(
    "path",
    ["/api/state", "/api/pieces", "/api/jobs", "/api/audit", "/api/tunes/folk/0"],
)
def test_without_a_key_nothing_is_told(house, path):
    for headers in ({}, {"authorization": "Bearer aigc-1-" + "x" * 43}):
        answer = TestClient(house.app).get(path, headers=headers)
        assert answer.status_code in (401, 429)
        assert set(answer.json()) == {"error"}


def test_another_site_cannot_write_with_the_cookie(working):
    key = working.accounts.add(f"c{time.monotonic_ns()}")
    browser = TestClient(working.app, base_url="https://studio.test")
    home = {"origin": "https://studio.test"}
    answer = browser.post(
        "/login", data={"key": key}, headers=home, follow_redirects=False
    )
    assert answer.status_code == 303
    assert "httponly" in answer.headers["set-cookie"].lower()
    for origin in ("https://elsewhere.test", "null", "https://studio.test.evil"):
        for method, path in (("POST", "/api/jobs"), ("DELETE", "/api/pieces/1")):
            answer = browser.request(
                method, path, json=WISH, headers={"origin": origin}
            )
            assert answer.status_code == 403
    assert browser.post("/api/jobs", json=WISH, headers=home).status_code == 202


def test_a_browser_without_a_session_is_led_to_the_login(house):
    browser = TestClient(house.app, headers={"accept": "text/html"})
    for path in ("/", "/gallery", "/account"):
        answer = browser.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    page = browser.get("/pages/studio.js")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/pages/../service.py",
        "/pages/..%2Fservice.py",
        "/pages/%2Fetc%2Fpasswd",
        "/api/pieces/..%2F..%2Fetc%2Fpasswd",
        "/api/pieces/' OR 1=1 --",
        "/api/pieces/x/file.py",
        "/api/jobs/' OR 1=1 --",
    ],
)
def test_a_path_or_sql_in_a_name_finds_nothing(ann, path):
    assert ann.get(path).status_code == 404


def test_sql_and_scripts_in_words_are_words(ann):
    evil = "'; DROP TABLE pieces; -- <script>alert(1)</script>"
    row = keep(ann, {**TUNE, "title": evil})
    assert row["title"] == evil
    assert [r["id"] for r in ann.get("/api/pieces", params={"q": evil}).json()] == [
        row["id"]
    ]
    answer = ann.get(f"/api/pieces/{row['id']}/file.svg")
    assert b"<script" not in answer.content
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<" not in answer.headers["content-disposition"]


def test_too_much_is_refused(ann):
    big = b"x" * (2**18 + 1)
    assert ann.post("/api/pieces", content=big).status_code == 413
    assert ann.post("/api/uploads", content=big).status_code == 413
    assert ann.post("/api/jobs", content=b"[" * 100_000).status_code == 400
    assert ann.post("/api/jobs", content=b"\xff").status_code == 400
    assert ann.get("/api/pieces?q=" + "x" * 300).status_code == 422
    bad = {"idempotency-key": "a b"}
    assert ann.post("/api/jobs", json=WISH, headers=bad).status_code == 422


def test_a_title_has_no_signs_that_do_not_print(ann):
    """Neither a zero nor half a sign, which no database takes; no turn of direction."""
    sent = json.dumps({"piece": {**TUNE, "title": "a\0b\n\ud800\u202ec"}})
    answer = ann.post("/api/pieces", content=sent.encode())
    assert answer.status_code == 201
    assert answer.json()["title"] == answer.json()["piece"]["title"] == "a b c"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("一家 \U0001f468\u200d\U0001f469\u200d\U0001f467", None),
        ("می\u200cخواهم", None),
        ("\u200d曲\u200c \u200d 子\u200d", "曲 子"),
        ("a\u200b\u2066b\u2069", "a b"),
    ],
)
def test_joiners_stay_where_they_join(ann, sent, kept):
    assert wishes.plain(sent) == (kept or sent)
    row = keep(ann, {**TUNE, "title": sent})
    assert row["title"] == (kept or sent)
    for kind in ("json", "svg", "mid"):
        answer = ann.get(f"/api/pieces/{row['id']}/file.{kind}")
        assert answer.status_code == 200


def test_a_title_of_joiners_alone_is_none(ann):
    path = f"/api/pieces/{keep(ann)['id']}"
    for title in ("\u200d", " \u200c\u200d \u200d"):
        assert ann.patch(path, json={"title": title}).status_code == 422


def test_no_account_keeps_pieces_without_end(ann, monkeypatch):
    monkeypatch.setattr(service, "MOST_KEPT", 2)
    rows = [keep(ann), keep(ann)]
    for path in ("/api/pieces", "/api/uploads"):
        answer = ann.post(path, json={"piece": TUNE})
        assert answer.status_code == 422
        assert "删掉" in answer.json()["error"]
        assert "回收站里的也算" in answer.json()["error"]
    wish = {"kind": "go_on", "bars": 1, "parent": rows[0]["id"]}
    assert written(ann, wish)["made"] == "go_on"  # a day's quota is its limit


def test_files_that_take_long_hold_up_nobody(ann, working, monkeypatch):
    go_on, path = threading.Event(), f"/api/pieces/{keep(ann)['id']}"

    def slow(*_):
        assert go_on.wait(60)
        return b"{}"

    monkeypatch.setattr(service, "rendered", slow)
    monkeypatch.setattr(service, "MOST_FILES", 60)
    many = 61  # more than there are threads, and one too many
    with (
        TestClient(working.app, headers=ann.headers) as client,
        ThreadPoolExecutor(many + 1) as pool,
    ):
        waiting = [pool.submit(client.get, f"{path}/file.wav") for _ in range(many)]
        time.sleep(1)
        try:
            answer = pool.submit(client.get, "/api/state").result(timeout=20)
            assert answer.status_code == 200
        finally:
            go_on.set()
        codes = [each.result().status_code for each in waiting]
        assert sorted(codes) == [200] * 60 + [429]
        assert client.get(f"{path}/file.wav").status_code == 200


def test_what_takes_long_has_a_limit_for_each_account(ann, monkeypatch):
    path = f"/api/pieces/{keep(ann)['id']}"

    def codes(client, path):
        file = b"X:1\nL:1/4\nK:C\nGABc\n"
        answers = client.get(f"{path}/alike"), client.get(f"{path}/file.mid")
        sent = client.post("/api/uploads", content=file)
        return [answer.status_code for answer in (*answers, sent)]

    monkeypatch.setattr(service, "MOST_FILES", 1)
    for _ in range(2):  # what has ended does not count
        assert codes(ann, path) == [200, 200, 201]
    monkeypatch.setattr(service, "MOST_FILES", 0)
    assert codes(ann, path) == [429] * 3


def test_signs_that_a_database_does_not_take(working, database_url):
    made = database.engine(database_url)
    database.upgrade(made, VERSIONS)
    store, accounts = Store(made), Accounts(made)
    app = service.service(store, accounts, working.jobs, working.tunes)
    headers = {"authorization": f"Bearer {accounts.add('ann')}"}
    client = TestClient(app, headers=headers, raise_server_exceptions=False)
    wish = {"kind": "go_on", "parent": "\0"}
    for answer in (
        client.get("/api/pieces/%00"),
        client.get("/api/pieces?genre=%00"),
        client.post("/api/jobs", json=wish),
        client.post("/api/jobs", content=json.dumps(wish | {"parent": "\ud800"})),
        client.patch("/api/pieces/%00", json={"favourite": True}),
    ):
        assert answer.status_code in (200, 404, 422), answer.text
        assert answer.json() == [] or "error" in answer.json()
    made.dispose()


def test_a_role_of_another_project():
    with pytest.raises(SystemExit):
        command.parser().parse_args(["account", "add", "ann", "--role", "agent"])


def test_the_audit_log(working):
    carol, name = client_of(working, "carol"), "carol"
    row = keep(carol)
    carol.get(f"/api/pieces/{row['id']}/file.mid")
    carol.delete(f"/api/pieces/{row['id']}")
    done = [line["action"] for line in carol.get("/api/audit").json()]
    assert done == ["piece.delete", "piece.file", "piece.drawn", "account.add"]
    assert carol.get("/api/audit?everyone=true").status_code == 403
    chief = client_of(working, role="admin")
    assert name in {r["name"] for r in chief.get("/api/audit?everyone=true").json()}


def test_a_backup_brings_everything_back(working, ann, database_url, tmp_path):
    row = written(ann, WISH)
    path = tmp_path / "studio.zip"
    backup(path, "music-studio", working.store.engine, command.all_tables())
    made = database.engine(database_url)
    database.upgrade(made, VERSIONS)
    restore(path, "music-studio", made, command.all_tables())
    copy = Store(made)
    owner = working.store.engine
    with owner.connect() as connection:
        wanted = TABLES.tables["pieces"].select()
        before = database.rows(connection, wanted)
    with made.connect() as connection:
        after = database.rows(connection, wanted)
    assert sorted(before, key=lambda r: r["id"]) == sorted(after, key=lambda r: r["id"])
    assert row["id"] in {r["id"] for r in after}
    assert copy.counts() == working.store.counts()
    made.dispose()
