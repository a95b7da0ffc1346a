"""What is shipped for running the service elsewhere, read as the programs that use it read it."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "Dockerfile"
KUBERNETES = ROOT / "deploy/kubernetes"
IMAGE = "accessibletrader"
# In a compose file: ${NAME}, ${NAME:-default} and ${NAME:?what to do}.
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")

Document = dict[str, Any]


def compose() -> Document:
    """Return the compose file; what is a default is filled in, what has to be set becomes a made-up word."""
    read: Document = _filled(yaml.safe_load((ROOT / "compose.yaml").read_text()))
    return read


def _filled(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _filled(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled(value) for value in part]
    return VARIABLE.sub(_put_in, part) if isinstance(part, str) else part


def _put_in(found: re.Match[str]) -> str:
    return str(found["rest"]) if found["kind"] == "-" else made_up(found["name"])


def made_up(name: str) -> str:
    """Return what stands for something secret in these tests."""
    return f"q7Vb2xLr9mZ0tYc4{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def ours() -> Document:
    """Return those services of the compose file that are this program."""
    return {
        name: service
        for name, service in compose()["services"].items()
        if service["image"].partition(":")[0] == IMAGE
    }


def instructions(dockerfile: Path = DOCKERFILE) -> list[tuple[str, str]]:
    """Return what a Dockerfile says, in order: ("USER", "10001:10001")."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    found = []
    for line in filter(None, map(str.strip, whole.splitlines())):
        word, _, rest = line.partition(" ")
        found.append((word, " ".join(rest.split())))
    return found


def last_stage() -> list[tuple[str, str]]:
    """Return what the Dockerfile says of the image itself."""
    every = instructions()
    begins = max(index for index, (word, _) in enumerate(every) if word == "FROM")
    return every[begins:]


def said(word: str) -> list[str]:
    """Return what the Dockerfile says of the image itself with this word."""
    return [rest for each, rest in last_stage() if each == word]


def image_environment() -> dict[str, str]:
    """Return the environment that the image brings along."""
    return dict(
        pair.split("=", 1)
        for word, rest in last_stage()
        if word == "ENV"
        for pair in rest.split()  # none of them holds a space
    )


def copied() -> Iterator[tuple[str, str]]:
    """Yield what is copied into the image, and where to below /app."""
    for word, rest in instructions():
        if word != "COPY" or rest.startswith("--from"):
            continue
        *sources, target = rest.split()
        if target.startswith("/build"):
            continue
        for source in sources:
            place = Path(target)
            yield source, str(place if (ROOT / source).is_dir() else place / Path(source).name)


def manifests(kind: str | None = None) -> list[Document]:
    """Return the Kubernetes manifests, or those of one kind."""
    files = [path for path in sorted(KUBERNETES.glob("*.yaml")) if path.name != "kustomization.yaml"]
    every = [document for path in files for document in yaml.safe_load_all(path.read_text())]
    return [document for document in every if kind in (None, document["kind"])]


def pods() -> dict[str, Document]:
    """Return what each manifest says of its pods, by the name of the manifest."""
    return {
        document["metadata"]["name"]: document["spec"]["template"]
        for document in manifests()
        if "template" in document.get("spec", {})
    }
