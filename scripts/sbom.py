"""Write a CycloneDX list of the libraries in a locked requirements file: ``python scripts/sbom.py FILE``."""

import json
import re
import sys
from pathlib import Path

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")


def components(text: str) -> list[dict[str, object]]:
    """Return a component for each pinned library, with the hashes of every file that may be installed."""
    found: list[dict[str, object]] = []
    # A line that ends in a backslash goes on.
    for line in text.replace("\\\n", " ").splitlines():
        match = PIN.match(line)
        if match is None:
            continue
        name = re.sub(r"[-_.]+", "-", match["name"]).lower()
        purl = f"pkg:pypi/{name}@{match['version']}"
        hashes = [{"alg": "SHA-256", "content": each["digest"]} for each in HASH.finditer(line)]
        found.append(
            {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": match["version"],
                "purl": purl,
                "hashes": hashes,
            }
        )
    return found


def bill_of_materials(text: str) -> dict[str, object]:
    """Return the whole document; the same lock gives the same text."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "accessibletrader"}},
        "components": components(text),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill_of_materials(Path(sys.argv[1]).read_text()), indent=1) + "\n")
