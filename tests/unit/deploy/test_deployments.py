"""The files of containers and clusters: every setting in them exists, every port and path fits."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from dayfile.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yml"))
COMPOSE = sorted((DEPLOY / "compose").glob("*.yml"))
SECRETS = {
    "dayfile": {"DAYFILE_DATABASE_URL": "postgresql://d@db/d", "DAYFILE_SECRET_KEY": "0" * 64},
    "dayfile-storage": {},
}


def of_image() -> dict[str, str]:
    """The settings that the image has."""
    (variables,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", CONTAINERFILE, flags=re.MULTILINE)
    return dict(re.findall(r"\b(DAYFILE_\w+)=(\S+)", variables))


def check(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Settings:
    """Read settings as a process does that has them in its environment and in the file `.env`; raises Unusable."""
    monkeypatch.chdir(folder)
    (folder / ".env").write_text("".join(f"{name}='{text}'\n" for name, text in settings.items()))
    return Settings.read()


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_setting_that_is_named_exists(file: Path) -> None:
    """A name that is none would stop the process, or do nothing where something was meant."""
    known = {f"DAYFILE_{name.upper()}" for name in Settings.model_fields} | {"DAYFILE_COMPILE"}  # of the build
    assert set(re.findall(r"\bDAYFILE_[A-Z_]+", file.read_text(encoding="utf-8"))) <= known


def test_the_settings_for_systemd_can_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings behind `#` are tried along with the others: an operator only removes the mark."""
    text = (DEPLOY / "systemd" / "dayfile.env").read_text(encoding="utf-8")
    (tmp_path / "all").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.MULTILINE))
    given = {name: value or "" for name, value in dotenv_values(tmp_path / "all").items()}
    given["DAYFILE_SECRET_KEY"] = "0" * 64
    own = {name: value for name, value in given.items() if name.startswith("DAYFILE_")}
    assert len(own) > 5
    assert check(own, monkeypatch, tmp_path).trusted_proxies


def objects(kind: str) -> list[dict[str, Any]]:
    """The objects of a kind for Kubernetes."""
    every = [one for path in KUBERNETES for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return [one for one in every if one["kind"] == kind]


DEPLOYMENTS = objects("Deployment")


def environment(container: dict[str, Any]) -> dict[str, str]:
    """The environment of a container, with secrets that are made up."""
    maps = {one["metadata"]["name"]: one["data"] for one in objects("ConfigMap")}
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        ((kind, named),) = source.items()
        found |= (SECRETS if kind == "secretRef" else maps)[named["name"]]
    return found


@pytest.mark.parametrize("workload", DEPLOYMENTS, ids=lambda one: str(one["metadata"]["name"]))
def test_a_pod_can_do_no_more_than_it_needs(workload: dict[str, Any]) -> None:
    """Kubernetes puts nothing into its environment that looks like a setting, either."""
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert f"--uid {pod['securityContext']['runAsUser']} " in CONTAINERFILE
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["requests"]
    assert container["resources"]["limits"]["memory"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert of_image()["DAYFILE_DATA_DIR"] in mounted


@pytest.mark.parametrize("workload", DEPLOYMENTS, ids=lambda one: str(one["metadata"]["name"]))
def test_a_pod_is_found_by_its_selector_and_asked_at_ports_that_it_has(workload: dict[str, Any]) -> None:
    """A name that differs by a letter is a Service without pods."""
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert workload["spec"]["selector"]["matchLabels"] == labels
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        for how, asked in container.get(probe, {}).items():
            if how in ("httpGet", "tcpSocket"):
                assert asked["port"] in ports
                assert asked.get("path") in {"http": {"/healthz", "/readyz"}, "metrics": {"/metrics"}}.get(
                    asked["port"], {None}
                )
    given = of_image() | environment(container)
    expected = {"http": given["DAYFILE_PORT"], "dask": "8786", "metrics": given.get("DAYFILE_METRICS_LISTEN", "")}
    assert {name: str(port) for name, port in ports.items()} == {
        name: expected[name].rpartition(":")[2] for name in ports
    }


@pytest.mark.parametrize("workload", DEPLOYMENTS, ids=lambda one: str(one["metadata"]["name"]))
def test_the_settings_of_a_pod_can_be_used(
    workload: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All of them together, as the process reads them."""
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    given = of_image() | environment(container)
    settings = check({name: text for name, text in given.items() if name.startswith("DAYFILE_")}, monkeypatch, tmp_path)
    if "engine" in str(container["envFrom"]):
        (service,) = (one for one in objects("Service") if one["metadata"]["name"] in settings.engine)
        assert (
            settings.engine_url.address == f"tls://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
        )


def test_services_budgets_and_routes_lead_to_pods() -> None:
    """Each of them names something else, and no one would say that it is not there."""
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in DEPLOYMENTS]
    assert all(one["spec"]["selector"] in labels for one in objects("Service"))
    assert all(one["spec"]["selector"]["matchLabels"] in labels for one in objects("PodDisruptionBudget"))
    services = {one["metadata"]["name"]: {port["name"] for port in one["spec"]["ports"]} for one in objects("Service")}
    (ingress,) = objects("Ingress")
    (rule,) = ingress["spec"]["rules"]
    to = rule["http"]["paths"][0]["backend"]["service"]
    assert to["port"]["name"] in services[to["name"]]
    (config,) = (one for one in objects("ConfigMap") if one["metadata"]["name"] == "dayfile")
    assert config["data"]["DAYFILE_PUBLIC_URL"] == f"https://{rule['host']}"


@pytest.mark.parametrize("file", COMPOSE, ids=lambda path: str(path.name))
def test_a_compose_file_fits_the_image(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its settings can be used, it publishes the proxy's ports only, and the proxy asks where Dayfile listens."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    services = document["services"]
    own = {name: one for name, one in services.items() if one["image"].startswith("dayfile:")}
    example = {"SECRET_KEY": "0" * 64, "STORAGE_URL": "s3://BUCKET/PREFIX", "POSTGRES_PASSWORD": "secret"}
    for one in own.values():
        given = {name: _filled(str(text), example) for name, text in one["environment"].items() if "DAYFILE_" in name}
        settings = check(of_image() | given, monkeypatch, tmp_path)
        assert settings.trusted_proxies is not None
        assert str(settings.trusted_proxies[0]) == document["networks"]["front"]["ipam"]["config"][0]["subnet"]
        assert one["read_only"] is True
        assert any(of_image()["DAYFILE_DATA_DIR"] in volume for volume in one["volumes"])
        assert one["logging"]["options"]["max-size"]
    assert {name for name, one in services.items() if "ports" in one} == {"caddy"}
    target, port = services["caddy"]["environment"]["UPSTREAM"].split(":")
    assert target in own
    assert port == of_image()["DAYFILE_PORT"]
    mounted, *_ = services["caddy"]["volumes"][0].split(":")
    assert "{$UPSTREAM:" in (file.parent / mounted).read_text(encoding="utf-8")


def _filled(text: str, example: dict[str, str]) -> str:
    return re.sub(r"\$\{(?:DAYFILE_)?(\w+):\?\}", lambda found: example[found[1]], text)


def test_what_the_image_copies_is_enough_to_build_it(tmp_path: Path) -> None:
    """A file that its stage lacks would be missed by whoever builds the first image of a release."""
    build, _, final = CONTAINERFILE.partition("AS build")[2].partition("\nFROM ")
    for line in re.findall(r"^COPY (.+)$", build, flags=re.MULTILINE):
        *sources, to = line.split()
        for source in (path for one in sources for path in ROOT.glob(one)):
            copy = shutil.copytree if source.is_dir() else shutil.copy
            (tmp_path / to).parent.mkdir(exist_ok=True)
            if to.endswith("/"):
                (tmp_path / to).mkdir(exist_ok=True)
            copy(source, tmp_path / to)
    assert {path.name for path in tmp_path.glob("requirements/*")} >= {
        "run.txt",
        "cloud.txt",
        "postgresql.txt",
        "dask.txt",
    }
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "made"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("made/dayfile-*.whl"))) == 1
    # The compiler stays behind, and what compiles is what operators are told to run.
    assert "apt-get" not in final
    (told,) = re.findall(r"^DAYFILE_COMPILE=yes (\S+pip install .+)$", OPERATIONS, flags=re.MULTILINE)
    (done_here,) = re.findall(r"^RUN (\S+pip install .+?) \\$", build, flags=re.MULTILINE)
    assert set(done_here.split()) - {"--no-cache-dir"} == set(told.split()) - {"--force-reinstall"}


def test_the_image_runs_as_its_own_user_and_is_asked_where_it_listens() -> None:
    """A container that runs as root is what an attacker hopes for."""
    assert re.findall(r"^USER (.+)$", CONTAINERFILE, flags=re.MULTILINE) == ["10001:10001"]
    assert f":{of_image()['DAYFILE_PORT']}/healthz" in CONTAINERFILE
    assert f"EXPOSE {of_image()['DAYFILE_PORT']}" in CONTAINERFILE
    (locks,) = re.findall(r'LOCKS="(.+)"', CONTAINERFILE)
    assert [lock for lock in locks.split() if not (ROOT / "requirements" / f"{lock}.txt").exists()] == []
