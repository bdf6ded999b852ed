"""The image platform in processes of its own, killed under load; the whole command."""

import subprocess
import sys

import httpx
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("obstore")
pytest.importorskip("fastapi")

from tiny_platform import CLASSES, tiny_model

from aigc_lib.apps.image_platform.load import load
from benchmarks.platform_runs import Site, killed, look, site

KILLS = 3  # the benchmark `image_platform` makes 50


def models(folder):
    return {"小模型": (tiny_model(folder / "flow.safetensors"), [*CLASSES[:2], "蓝"])}


def test_killed_at_random_moments(database_url, tmp_path):
    blobs = (tmp_path / "blobs").as_uri()
    with site(tmp_path / "at", database_url, blobs, models(tmp_path)) as one:
        told = killed(one, KILLS, "红")
    assert told["accepted"] > 0
    assert (told["lost"], told["doubled"], told["broken"]) == (0, 0, 0), told


def test_a_server_and_two_workers_killed_in_turn(postgres_url, s3_url, tmp_path):
    with site(tmp_path / "at", postgres_url, s3_url, models(tmp_path)) as one:
        told = killed(one, KILLS, "红", workers=2)
    assert told["accepted"] > 0
    assert (told["lost"], told["doubled"], told["broken"]) == (0, 0, 0), told


def test_the_command_as_a_reader_starts_it(tmp_path):
    """A first start makes an admin, whose key opens the pages; a load test ends."""
    url = f"sqlite:///{tmp_path / 'at' / 'platform.sqlite'}"
    blobs = (tmp_path / "blobs").as_uri()
    with site(tmp_path / "at", url, blobs, models(tmp_path)) as one:
        one.serve()
        told = load(one.address, one.key, clients=2, seconds=2.0, pid=one.server.pid)
        assert told["errors"] == 0, told
        assert told["requests"] >= 2
        assert told["p50"] <= told["p95"]
        assert min(told["memory"]) > 0
        file = tmp_path / "backup.zip"
        assert "files in" in one.run("backup", str(file))
        assert file.exists()
        assert "0 opinions" in one.run("feedback", str(tmp_path / "feedback.zip"))
        key = one.run("account", "renew", "load")
        assert httpx.get(f"{one.address}/api/me", headers=bearer(one.key)).is_error
        assert httpx.get(f"{one.address}/api/me", headers=bearer(key)).is_success


def test_what_waited_in_a_backup_is_done_after_it(tmp_path):
    """Out of SQLite, restored into another, by the commands."""
    file = str(tmp_path / "backup.zip")
    urls = [f"sqlite:///{tmp_path / name / 'platform.sqlite'}" for name in "ab"]
    blobs = [(tmp_path / name / "blobs").as_uri() for name in "ab"]
    asked = {"model": 1, "label": "红", "n": 3, "steps": 4}
    with site(tmp_path / "a", urls[0], blobs[0], models(tmp_path)) as one:
        one.serve("--accept-only")
        client = {"base_url": one.address, "headers": bearer(one.key)}
        with httpx.Client(**client) as http:
            job = http.post("/api/pictures", json=asked).json()
        one.run("backup", file)
        key = one.key
    (tmp_path / "b").mkdir()
    other = Site(tmp_path / "b", urls[1], blobs[1])
    assert "files from" in other.run("restore", file)
    other.key = key
    other.serve()
    try:
        told = look(other, {job["job"]: asked}, seconds=120)
    finally:
        other.close()
    assert (told["lost"], told["pictures"]) == (0, 3)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_url_that_names_no_database_ends_the_command():

    words = ["-m", "aigc_lib.apps.image_platform", "--url", "mysql://x/y", "serve"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: url=")
