# SPDX-License-Identifier: MIT
"""As much of JSON Schema as the schemas in tests/golden use; a keyword it does not know is an error."""

import re

TYPES = {"object": dict, "array": list, "string": str, "null": type(None)}


def is_type(value, name):
    if name == "boolean":
        return isinstance(value, bool)
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def check_object(schema, value, where):
    properties = schema.get("properties", {})
    for key in schema.get("required", []):
        if key not in value:
            yield f"{where}: lacks {key}"
    for key, item in value.items():
        rule = properties.get(key, schema.get("additionalProperties", {}))
        if rule is False:
            yield f"{where}: has {key}"
        else:
            yield from check(rule, item, f"{where}.{key}")


def check_string(schema, value, where):
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{where}: {len(value)} characters"
    if not re.search(schema.get("pattern", ""), value):
        yield f"{where}: {value!r} is not {schema['pattern']}"


def check_array(schema, value, where):
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{where}: {len(value)} items"
    for index, item in enumerate(value):
        yield from check(schema.get("items", {}), item, f"{where}[{index}]")


def check_integer(schema, value, where):
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{where}: {value}"


KEYWORDS = {"title", "type", "enum", "required", "properties", "additionalProperties", "minLength", "maxLength",
            "pattern", "minItems", "maxItems", "items", "minimum", "maximum"}
CHECKS = {"object": check_object, "string": check_string, "array": check_array, "integer": check_integer}


def check(schema, value, where="body"):
    """Yields what is wrong with `value`, one line each."""
    unknown = schema.keys() - KEYWORDS
    if unknown:
        raise ValueError(f"{where}: keywords {unknown}")
    wanted = schema.get("type", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted and not any(is_type(value, name) for name in wanted):
        yield f"{where}: {value!r} is not {' or '.join(wanted)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is not one of {schema['enum']}"
    for name, check_kind in CHECKS.items():
        if is_type(value, name):
            yield from check_kind(schema, value, where)
