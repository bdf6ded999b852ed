"""What ``deploy/`` says: the form of its containers, and its proxy at work.

There is no container in the tests.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import time
from importlib import import_module
from pathlib import Path

import pytest
import yaml

pytest.importorskip("httpx")

import httpx

from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.database import engine, upgrade
from aigc_lib.apps.local import running
from aigc_lib.apps.web import asking, guarded, source_of
from benchmarks.servers import free_ports

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
CADDY = (DEPLOY / "Caddyfile").read_text("utf-8")
SERVICES = COMPOSE["services"]
APPS = [name for name, service in SERVICES.items() if "build" in service]
KEYS = {
    "image",
    "build",
    "entrypoint",
    "command",
    "ports",
    "environment",
    "secrets",
    "volumes",
    "healthcheck",
    "depends_on",
    "restart",
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_whole(name):
    service = SERVICES[name]
    assert set(service) <= KEYS
    assert ("image" in service) != ("build" in service)
    if "image" in service:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?", service["image"])
    assert service["restart"] == "unless-stopped"
    for needed, how in service.get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[needed]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        here = source.startswith(".") and (DEPLOY / source).is_file()
        assert here or source in COMPOSE["volumes"]
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


def test_only_the_proxy_is_reached_from_outside():
    assert [name for name, service in SERVICES.items() if "ports" in service] == [
        "proxy"
    ]


def test_no_password_stands_in_a_file_that_is_committed():
    text = "\n".join(path.read_text("utf-8") for path in DEPLOY.glob("*"))
    assert not re.search(r"PASSWORD[\"']?\s*[:=]\s*[\"']?\w", text)
    assert not re.search(r"://\w+:\w+@", text)
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").split()


@pytest.mark.parametrize("name", APPS)
def test_the_command_is_one_that_the_service_understands(name):
    module, *words = shlex.split(SERVICES[name]["command"])
    told = import_module(f"{module}.__main__").parser().parse_args(words)
    folders = [v.split(":")[1] for v in SERVICES[name]["volumes"]]
    assert str(told.folder) in folders
    host, _, database = told.url.partition("@")[2].partition("/")
    assert host in SERVICES[name]["depends_on"]
    made = re.findall(r"CREATE DATABASE (\w+);", (DEPLOY / "databases.sql").read_text())
    assert database in [*made, SERVICES["database"]["environment"]["POSTGRES_DB"]]
    assert f"reverse_proxy {name}:{told.port}" in CADDY
    assert f"127.0.0.1:{told.port}/health" in SERVICES[name]["healthcheck"]["test"][3]


def test_every_service_has_its_own_database_folder_and_site():
    commands = [SERVICES[name]["command"] for name in APPS]
    urls = {command.partition("--url ")[2].split()[0] for command in commands}
    folders = {volume for name in APPS for volume in SERVICES[name]["volumes"]}
    assert len(urls) == len(folders) == len(APPS) == 4
    assert re.findall(r"^(\w+)\.{\$SITE} {$", CADDY, re.M) == APPS
    assert all(f"{{${name}}}" in CADDY for name in SERVICES["proxy"]["environment"])


@pytest.fixture
def throwaway(tmp_path, monkeypatch):
    """Accounts, and the address of a service that tells who asks it, and from where."""
    fastapi = pytest.importorskip("fastapi")
    believed = SERVICES["desk"]["environment"]["FORWARDED_ALLOW_IPS"]
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", believed)
    made = engine(f"sqlite:///{tmp_path / 'shop.sqlite'}")
    upgrade(made)
    accounts = Accounts(made)
    app, who = fastapi.FastAPI(), asking(accounts, "shop")

    @app.post("/where")
    async def where(request: fastapi.Request):
        await request.body()
        return [who(request).name, source_of(request)]

    with running(guarded(app, project="shop", title="店", accounts=accounts)) as inside:
        yield accounts, f"127.0.0.1:{inside.base_url.port}"


@pytest.fixture
def proxied(throwaway, tmp_path):
    """A client that asks a site through the proxy, which leads all to one service."""
    caddy = shutil.which("caddy")
    if not caddy:
        pytest.skip("not run, because Caddy is not installed")
    _, service = throwaway
    port, admin = free_ports(2)
    text = re.sub(r"\w+:8000", service, CADDY)
    version = subprocess.check_output([caddy, "version"], text=True)
    if re.match(r"v?2\.[0-7]\.", version):  # what it was called then
        text = text.replace("basic_auth", "basicauth")
    alone = "local_certs\nskip_install_trust\nauto_https disable_redirects"
    own = f"{{\n{alone}\nhttps_port {port}\nadmin localhost:{admin}\n}}\n"
    (tmp_path / "Caddyfile").write_text(own + text)
    told = [caddy, "hash-password", "--plaintext", "open sesame"]
    env = os.environ | {
        "HOME": str(tmp_path),
        "SITE": "localhost",
        "PROXY_USER": "editor",
        "PROXY_HASH": subprocess.check_output(told, text=True).strip(),
    }
    words = [caddy, "run", "--adapter", "caddyfile", "--config", "Caddyfile"]
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(words, env=env, cwd=tmp_path, stderr=log)

    def ask(site, path, **more):
        host = f"{site}.localhost:{port}"
        headers = {"Host": host, "Origin": f"https://{host}"} | more.pop("headers", {})
        more["extensions"] = {"sni_hostname": f"{site}.localhost"}
        return http.post(path, headers=headers, **more)

    try:
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=False) as http:
            for _ in range(100):
                with contextlib.suppress(httpx.TransportError):
                    ask("desk", "/login")
                    break
                time.sleep(0.1)
            yield ask
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def test_people_log_in_through_the_proxy(proxied, throwaway):
    accounts, _ = throwaway
    for site in ("pictures", "music", "desk"):
        answer = proxied(site, "/login", data={"key": accounts.add(site)})
        assert answer.status_code == 303
        assert "Secure" in answer.headers["set-cookie"]
        lied = {"X-Forwarded-For": "203.0.113.7"}
        assert proxied(site, "/where", headers=lied).json() == [site, "127.0.0.1"]
        there = {"Origin": "https://elsewhere.example"}
        assert proxied(site, "/where", headers=there).status_code == 403


def test_the_proxy_asks_who_reads_the_monitor(proxied):
    assert proxied("monitor", "/where").status_code == 401
    wrong = proxied("monitor", "/where", auth=("editor", "sesame"))
    assert wrong.headers["www-authenticate"].startswith("Basic")
    passed = proxied("monitor", "/where", auth=("editor", "open sesame"))
    assert "www-authenticate" not in passed.headers


def test_the_proxy_refuses_what_is_too_large(proxied):
    for _ in range(3):  # by the service, which reads what it refuses
        assert proxied("desk", "/where", content=b"0" * 1_500_000).status_code == 413
    # by the proxy itself; old versions call it a bad gateway
    assert proxied("desk", "/where", content=b"0" * 2_100_000).status_code in (413, 502)


def test_nothing_secret_gets_into_an_image():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {"deploy/secrets", ".git", ".venv"} <= set(ignored)
    docker = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert re.search(r"^USER (?!root)\w+$", docker, re.M)
    assert re.search(r"^FROM python:\d+\.\d+\.\d+", docker, re.M)
