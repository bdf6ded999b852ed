"""The containers of ``deploy/``: their form, for there is no container in the tests."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from aigc_lib.apps.opinion_monitor.__main__ import parser

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
KEYS = {
    "image",
    "build",
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
    assert "://monitor:" not in text
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").split()


def test_the_command_is_one_that_the_monitor_understands():
    *_, script = SERVICES["monitor"]["command"]
    words = shlex.split(script.partition("exec ")[2])
    assert words[:3] == ["python", "-m", "aigc_lib.apps.opinion_monitor"]
    told = parser().parse_args(words[3:])
    models = [v.split(":")[1] for v in SERVICES["monitor"]["volumes"]]
    assert str(told.folder) in models
    host = told.url.partition("@")[2].split("/")[0]
    assert host in SERVICES["monitor"]["depends_on"]
    caddy = (DEPLOY / "Caddyfile").read_text("utf-8")
    assert f"reverse_proxy monitor:{told.port}" in caddy
    assert all(f"{{${name}}}" in caddy for name in SERVICES["proxy"]["environment"])


def test_the_chapter_shows_lines_of_these_files():
    chapter = (ROOT / "chapters/03_projects/21_project_life.md").read_text("utf-8")
    shown = {
        "yaml": re.findall(r"```yaml\n(.*?)```", chapter, re.S),
        "text": re.findall(r"```text\n(\{\$SITE.*?)```", chapter, re.S),
    }
    assert all(shown.values())
    compose = (DEPLOY / "compose.yaml").read_text("utf-8").splitlines()
    for line in "".join(shown["yaml"]).splitlines():
        assert line in compose or line.strip() == "# ……"
    assert shown["text"][0] == (DEPLOY / "Caddyfile").read_text("utf-8").replace(
        "\t", "    "
    )


def test_nothing_secret_gets_into_an_image():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {"deploy/secrets", ".git", ".venv"} <= set(ignored)
    docker = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert re.search(r"^USER (?!root)\w+$", docker, re.M)
    assert re.search(r"^FROM python:\d+\.\d+\.\d+", docker, re.M)
