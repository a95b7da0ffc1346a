"""What is wrong with one field, as a sentence that can be heard; codes are those of pydantic."""

from collections.abc import Mapping
from typing import Any

# "{name}" is the field; the other words come from the check itself.
SENTENCES = {
    "missing": "{name} is missing: add it.",
    "int_parsing": "{name} must be a whole number.",
    "int_type": "{name} must be a whole number.",
    "int_from_float": "{name} must be a whole number.",
    "int_parsing_size": "{name} is too large a number.",
    "float_parsing": "{name} must be a number.",
    "float_type": "{name} must be a number.",
    "finite_number": "{name} must be a finite number.",
    "decimal_parsing": "{name} must be a decimal number.",
    "decimal_type": "{name} must be a decimal number.",
    "bool_parsing": "{name} must be true or false.",
    "bool_type": "{name} must be true or false.",
    "greater_than": "{name} must be more than {gt}.",
    "greater_than_equal": "{name} must be at least {ge}.",
    "less_than": "{name} must be less than {lt}.",
    "less_than_equal": "{name} must be at most {le}.",
    "multiple_of": "{name} must be a multiple of {multiple_of}.",
    "string_type": "{name} must be text.",
    "string_pattern_mismatch": "{name} holds characters that do not belong there.",
    "list_type": "{name} must be a list.",
    "tuple_type": "{name} must be a list.",
    "dict_type": "{name} must be an object.",
    "model_type": "{name} must be an object.",
    "model_attributes_type": "{name} must be an object.",
    "none_required": "{name} must be left out.",
    "enum": "{name} must be {expected}.",
    "literal_error": "{name} must be {expected}.",
}
COUNTED = {
    "string_too_short": ("{name} is too short: at least {count} {things}.", "min_length", "character"),
    "string_too_long": ("{name} is too long: at most {count} {things}.", "max_length", "character"),
    "too_short": ("{name} is too short: at least {count} {things}.", "min_length", "item"),
    "too_long": ("{name} is too long: at most {count} {things}.", "max_length", "item"),
}


def field_sentence(name: str, code: str, context: Mapping[str, Any], message: str) -> str:
    """Return the sentence for a failed check.

    ``name`` is empty when the fields fit one by one but not together. A validator of our own raises a
    ValueError whose text follows the name: ``must be a time: …``.
    """
    if code == "value_error":
        return f"{name} {context.get('error', 'does not fit')}".strip()
    if code in COUNTED:
        pattern, key, thing = COUNTED[code]
        count = context[key]
        return pattern.format(name=name, count=count, things=thing if count == 1 else f"{thing}s")
    if code in SENTENCES:
        words = {key: _word(value) for key, value in context.items()}
        return SENTENCES[code].format(name=name, **words)
    return f"{name} does not fit: {message[:1].lower()}{message[1:]}."


def _word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("'", "")
