"""What a newer document took away from an older one, and what a schema makes of a value."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

# Words for people, and the version: free to change.
WORDS = {"description", "summary", "title", "version", "example", "examples"}
# Lists whose order says nothing, and whether more items may come: not in what a client has to send.
MORE_MAY_COME = {"enum", "anyOf", "oneOf", "tags", "security", "messages", "x-codes", "operations"}


def losses(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Yield what a client of the old document would miss in the new one, or stumble over."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            is_words = name in WORDS and not place.endswith("properties")
            if is_words:
                continue
            if name not in new:
                yield f"{place}/{name} is gone"
            elif name == "required" and isinstance(value, list):
                yield from _required(value, new[name], f"{place}/{name}")
            else:
                yield from losses(value, new[name], f"{place}/{name}")
        if "parameters" in old or "parameters" in new:
            yield from _new_parameters(old.get("parameters", []), new.get("parameters", []), place)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, place)
    elif old != new:
        yield f"{place} was {old!r} and is {new!r}"


def _items(old: list[Any], new: list[Any], place: str) -> Iterator[str]:
    name = place.rpartition("/")[2]
    if name == "parameters":
        there = {(each["in"], each["name"]): each for each in new}
        for each in old:
            key = (each["in"], each["name"])
            if key not in there:
                yield f"{place}/{key[1]} is gone"
            else:
                yield from losses(each, there[key], f"{place}/{key[1]}")
    elif name in MORE_MAY_COME:
        yield from (f"{place} has lost {each!r}" for each in old if each not in new)
    elif old != new:
        yield f"{place} was {old!r} and is {new!r}"


def _required(old: list[str], new: list[str], place: str) -> Iterator[str]:
    # What is sent must not become rare, and of what is read nothing more may be asked for.
    if sorted(old) != sorted(new):
        gone, come = set(old) - set(new), set(new) - set(old)
        if gone:
            yield f"{place} no longer holds {sorted(gone)}"
        if come and ("Body" in place or "Command" in place or "Form" in place):
            yield f"{place} now holds {sorted(come)}"


def _new_parameters(old: list[Any], new: list[Any], place: str) -> Iterator[str]:
    known = {(each["in"], each["name"]) for each in old}
    for each in new:
        if each.get("required") and (each["in"], each["name"]) not in known:
            yield f"{place} now asks for {each['name']}"


def closed(schema: Any) -> Any:
    """Return a schema under which nothing may be in an object that the schema does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {
        name: {key: closed(each) for key, each in value.items()}
        if name in ("properties", "schemas")
        else closed(value)
        for name, value in schema.items()
    }
    if "properties" in shut:
        shut.setdefault("additionalProperties", False)
    return shut


def faults(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """Return what is wrong with a value under a schema of a document, in which nothing unnamed may be."""
    whole = closed(schema) | {"components": {"schemas": closed(document["components"]["schemas"])}}
    validator = Draft202012Validator(whole)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def references(document: Any) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(document, list):
        for each in document:
            yield from references(each)
    if isinstance(document, dict):
        for name, each in document.items():
            if name == "$ref":
                yield each
            else:
                yield from references(each)


def resolves(document: Any, reference: str) -> bool:
    """Tell whether a reference leads to something inside of the document."""
    place, found = reference.removeprefix("#/"), document
    if place == reference:
        return False
    for step in place.split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if found is None:
            return False
    return True
