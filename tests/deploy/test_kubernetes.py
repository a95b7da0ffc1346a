"""The manifests: settings and commands that exist, labels that meet, probes that are answered, no rights."""

import re

import pytest
import yaml

from app import create_app
from app_extensions.worker import STOP_TIMEOUT_S
from config import Config, declared_settings, load_config
from tests.deploy.commands import is_command
from tests.deploy.files import (
    IMAGE,
    KUBERNETES,
    ROOT,
    Document,
    image_environment,
    made_up,
    manifests,
    pods,
)
from tests.docs.shell import commands
from utils.figures import CONNECTIONS

SETTINGS = {field.metadata["name"] for field in declared_settings()}
SECRETS = {
    "DB_CONNECTION_STRING": "postgresql://someone:q7-Vb2xLr9mZ0@database/accessibletrader",
    "REDIS_URL": "redis://cache:6379/0",
    "SECRET_KEY": made_up("SECRET_KEY"),
}
PODS = pods()

each_pod = pytest.mark.parametrize("name", PODS)


def container(name: str) -> Document:
    (only,) = PODS[name]["spec"]["containers"]
    return only


def environment(name: str) -> dict[str, str]:
    """What a pod's program is told, with made-up words for what lies in secrets."""
    told = image_environment()
    for source in container(name)["envFrom"]:
        (settings,) = manifests("ConfigMap")
        assert source["configMapRef"]["name"] == settings["metadata"]["name"]
        told |= settings["data"]
    for variable in container(name)["env"]:
        told[variable["name"]] = variable.get("value", SECRETS.get(variable["name"], ""))
    return told


def config_of(name: str) -> Config:
    return load_config(environment(name), dotenv=None)


def test_every_file_is_applied() -> None:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed["resources"]) == files
    (image,) = listed["images"]
    assert image["name"] == IMAGE
    assert image["newTag"] != "latest"


@each_pod
def test_no_pod_has_rights_or_grows_without_bound(name: str) -> None:
    pod, ours = PODS[name]["spec"], container(name)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert ours["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert ours["resources"]["limits"]["memory"]
    assert {"cpu", "memory"} <= set(ours["resources"]["requests"])
    written = {mount["name"]: mount["mountPath"] for mount in ours["volumeMounts"]}
    assert set(written.values()) == {"/tmp", image_environment()["VAR_DIR"]}
    assert all(volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"])
    assert set(written) == {volume["name"] for volume in pod["volumes"]}
    assert ours["image"] == IMAGE  # kustomize puts the registry and the version in


@each_pod
def test_its_settings_exist_and_can_be_read(name: str) -> None:
    named = set(environment(name)) - {"PATH", "PYTHONDONTWRITEBYTECODE"}
    assert named <= SETTINGS
    config = config_of(name)
    assert config.env == "production"
    assert config.db_connection_string
    assert config.redis_url
    assert config.host == "0.0.0.0"


@each_pod
def test_what_is_secret_comes_by_reference_only(name: str) -> None:
    for variable in container(name)["env"]:
        secret = re.search("SECRET|KEY|PASSWORD|TOKEN|CONNECTION|REDIS_URL", variable["name"])
        assert ("value" in variable) == (secret is None), variable["name"]
        if secret:
            reference = variable["valueFrom"]["secretKeyRef"]
            owner = name.endswith("migrate") and variable["name"] == "DB_CONNECTION_STRING"
            assert reference["name"] == ("accessibletrader-owner" if owner else "accessibletrader")
            assert reference["key"] == variable["name"]
    assert not manifests("Secret")


@pytest.mark.parametrize("kind", ["web", "feed", "jobs"])
def test_a_secret_that_is_replaced_is_still_good_where_there_is_one(kind: str) -> None:
    every = container(f"accessibletrader-{kind}")["env"]
    (before,) = [variable for variable in every if variable["name"] == "SECRET_KEY_PREVIOUS"]
    assert before["valueFrom"]["secretKeyRef"]["optional"] is True


def test_what_the_page_runs_in_a_pod_exists_there() -> None:
    page = commands((ROOT / "docs/deployment.md").read_text())
    ran = [command.words for command in page if command.words[:2] == ["kubectl", "exec"]]
    assert ran
    for words in ran:
        before, after = words[: words.index("--")], words[words.index("--") + 1 :]
        assert before[-1] in {f"deployment/{each['metadata']['name']}" for each in manifests("Deployment")}
        assert is_command(after)


@each_pod
def test_its_command_exists_and_it_is_given_the_time_to_stop(name: str) -> None:
    assert is_command(container(name).get("args", ()))
    assert "command" not in container(name)
    if manifests("Job")[0]["metadata"]["name"] == name:
        return
    waits = container(name).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert PODS[name]["spec"]["terminationGracePeriodSeconds"] > waits + STOP_TIMEOUT_S + 2


def test_each_kind_of_process_does_its_part() -> None:
    roles = {name: config_of(name).role for name in PODS}
    assert roles["accessibletrader-web"] == "web"
    assert roles["accessibletrader-feed"] == "feed"
    assert {config_of(f"accessibletrader-{kind}").jobs for kind in ("web", "feed", "jobs")} == {"apart"}
    assert container("accessibletrader-jobs")["args"] == ["quart", "worker"]
    assert config_of("accessibletrader-web").trusted_proxy_hops == 1


@pytest.mark.parametrize("name", ["accessibletrader-web", "accessibletrader-feed"])
def test_what_is_probed_is_answered_there(name: str) -> None:
    config, ours = config_of(name), container(name)
    ports = {port["name"]: port["containerPort"] for port in ours["ports"]}
    assert ports == {"http": config.port, "metrics": config.metrics_port}
    routes = {rule.rule for rule in create_app(config).url_map.iter_rules()}
    probes = {kind: ours[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startup": "/live",
        "liveness": "/live",
        "readiness": "/ready",
    }
    assert {probe["path"] for probe in probes.values()} <= routes
    assert {probe["port"] for probe in probes.values()} == {"http"}


@pytest.mark.parametrize("name", [name for name in PODS if not name.endswith("migrate")])
def test_prometheus_finds_whatever_counts(name: str) -> None:
    config = config_of(name)
    scraped = PODS[name]["metadata"]["annotations"]
    assert scraped["prometheus.io/scrape"] == "true"
    assert scraped["prometheus.io/port"] == str(config.metrics_port)
    assert {"name": "metrics", "containerPort": config.metrics_port} in container(name)["ports"]
    assert config.metrics_host == "0.0.0.0"


def test_whoever_selects_pods_selects_some() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in PODS.items()}

    def meets(wanted: dict[str, str]) -> list[str]:
        return [name for name, has in labels.items() if wanted.items() <= has.items()]

    for deployment in manifests("Deployment"):
        name = deployment["metadata"]["name"]
        assert meets(deployment["spec"]["selector"]["matchLabels"]) == [name]
        budgets = [budget["spec"] for budget in manifests("PodDisruptionBudget")]
        assert [budget for budget in budgets if meets(budget["selector"]["matchLabels"]) == [name]]
    (service,) = manifests("Service")
    assert meets(service["spec"]["selector"]) == ["accessibletrader-web"]
    (ingress,) = manifests("Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    assert path["backend"]["service"]["port"]["name"] == service["spec"]["ports"][0]["name"]
    (allowed,) = manifests("NetworkPolicy")
    assert set(meets(allowed["spec"]["podSelector"]["matchLabels"])) == set(PODS)
    opened = {port["port"] for rule in allowed["spec"]["ingress"] for port in rule["ports"]}
    assert opened == {config_of("accessibletrader-web").port, config_of("accessibletrader-web").metrics_port}


def test_there_are_more_pods_when_more_people_listen() -> None:
    (scaler,) = manifests("HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "accessibletrader-web"
    by_pods = [each["pods"] for each in scaler["spec"]["metrics"] if each["type"] == "Pods"]
    assert [each["metric"]["name"] for each in by_pods] == [CONNECTIONS.name]
    # The number of pods is the scaler's: a manifest that set it would undo that with every change.
    (web,) = [each for each in manifests("Deployment") if each["metadata"]["name"].endswith("web")]
    assert "replicas" not in web["spec"]


def test_a_proxy_bears_the_longest_silence() -> None:
    (ingress,) = manifests("Ingress")
    waits = ingress["metadata"]["annotations"]
    for name in ("read", "send"):
        assert int(waits[f"nginx.ingress.kubernetes.io/proxy-{name}-timeout"]) >= 30
