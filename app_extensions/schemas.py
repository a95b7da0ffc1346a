"""JSON Schemas of pydantic models, collected by the names of the models, as both documents need them."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

# No text that is read may hold one, whatever else it may.
NO_CONTROL_CHARACTER = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
SAID_OTHERWISE = {"const", "enum", "format", "pattern"}
REFERENCE = "#/components/schemas/{model}"
OTHER = "Input"

Schema = dict[str, Any]


class Schemas:
    """Collect what models look like; each is named once and referred to from everywhere."""

    def __init__(self) -> None:
        self.by_name: dict[str, Schema] = {}
        # Routes and their twins share models, and a large one takes a while.
        self._answers: dict[Any, Schema] = {}

    def answer(self, model: Any) -> Schema:
        """Return the schema of something that is sent; open, since later versions may send more."""
        if model not in self._answers:
            schema = TypeAdapter(model).json_schema(mode="serialization", ref_template=REFERENCE)
            self._answers[model] = self._keep(model, _opened(schema))
        return self._answers[model]

    def request(self, model: Any) -> Schema:
        """Return the schema of something that is read; closed, since what is unknown is refused."""
        return self._keep(model, _printable(TypeAdapter(model).json_schema(ref_template=REFERENCE)))

    def sent(self, union: TypeAdapter[Any]) -> dict[str, str]:
        """Keep every message of a union that is sent, and return the names of their schemas by type."""
        return self._by_type(_opened(union.json_schema(mode="serialization", ref_template=REFERENCE)))

    def read(self, union: TypeAdapter[Any]) -> dict[str, str]:
        """Keep every command of a union that is read, and return the names of their schemas by type."""
        return self._by_type(union.json_schema(ref_template=REFERENCE))

    def parameters(self, model: type[BaseModel]) -> Schema:
        """Return the schema of a query, whose properties are parameters."""
        schema = _printable(model.model_json_schema(ref_template=REFERENCE))
        self._keep_definitions(schema)
        return {**schema, "properties": {k: _parameter(v) for k, v in schema["properties"].items()}}

    @staticmethod
    def examples(model: Any) -> Mapping[str, Any]:
        """Return the examples of a model, or of each model of a union, by name."""
        found = {}
        for each in get_args(model) or (model,):
            extra = getattr(each, "model_config", {}).get("json_schema_extra") or {}
            if "example" in extra:
                found[each.__name__] = extra["example"]
        return found

    def _by_type(self, schema: Schema) -> dict[str, str]:
        self._keep_definitions(schema)
        mapping: dict[str, str] = schema["discriminator"]["mapping"]
        return {kind: reference.rpartition("/")[2] for kind, reference in mapping.items()}

    def _keep(self, model: Any, schema: Schema) -> Schema:
        self._keep_definitions(schema)
        if not isinstance(model, type):
            tidy: Schema = _tidied(schema)
            return tidy
        self._put(model.__name__, schema)
        return {"$ref": REFERENCE.format(model=model.__name__)}

    def _keep_definitions(self, schema: Schema) -> None:
        """Keep the parts of a schema; one that looks different when read than when sent gets a name more."""
        parts = schema.pop("$defs", {})
        known = self.by_name
        taken = [name for name, part in parts.items() if known.get(name, _bare(part)) != _bare(part)]
        new_names = {REFERENCE.format(model=name): REFERENCE.format(model=f"{name}{OTHER}") for name in taken}
        for place in (schema, *parts.values()):
            _rename(place, new_names)
        for name, part in parts.items():
            self._put(f"{name}{OTHER}" if name in taken else name, part)

    def _put(self, name: str, schema: Schema) -> None:
        schema = _bare(schema)
        assert self.by_name.setdefault(name, schema) == schema, f"two models are named {name}"


def _rename(schema: Any, new_names: Mapping[str, str]) -> None:
    if isinstance(schema, list):
        for each in schema:
            _rename(each, new_names)
    if isinstance(schema, dict):
        if schema.get("$ref") in new_names:
            schema["$ref"] = new_names[schema["$ref"]]
        for each in schema.values():
            _rename(each, new_names)


def _parameter(schema: Schema) -> Schema:
    """A parameter is there or it is not; it is never null."""
    shape: Schema = _tidied(schema)
    if shape.get("default", "") is None:
        del shape["default"]
    kinds = [each for each in shape.get("anyOf", ()) if each != {"type": "null"}]
    if "anyOf" in shape:
        del shape["anyOf"]
        shape |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return shape


def _bare(schema: Schema) -> Schema:
    """Leave out the example too: it stands beside each answer, and makes no other shape."""
    bare: Schema = _tidied(schema)
    bare.pop("example", None)
    return bare


def _tidied(schema: Any) -> Any:
    """Leave out the titles that pydantic makes of names, which say nothing."""
    if isinstance(schema, list):
        return [_tidied(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidy: Schema = {
        key: {name: _tidied(each) for name, each in value.items()} if key == "properties" else _tidied(value)
        for key, value in schema.items()
        if key != "title" or not isinstance(value, str)
    }
    description = tidy.get("description")
    if isinstance(description, str):
        tidy["description"] = description.replace("``", "`")
    return tidy


def _printable(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_printable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shape = {name: _printable(each) for name, each in schema.items()}
    if shape.get("type") == "string" and not SAID_OTHERWISE & shape.keys():
        shape["pattern"] = NO_CONTROL_CHARACTER
    return shape


def _opened(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_opened(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _opened(each) for name, each in value.items()} if key == "properties" else _opened(value)
        for key, value in schema.items()
        if not (key == "additionalProperties" and value is False) and key != "default"
    }
