"""Problems of settings, in words. Apart, because they come from a library, and are put as all other errors are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dayfile.environment import PREFIX
from dayfile.errors import InvalidParameter

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def in_words(problem: ErrorDetails) -> str:
    """Describe a problem of a setting, without the value of one that may be secret."""
    name = PREFIX + "_".join(map(str, problem["loc"])).upper()
    limits, given = problem.get("ctx", {}), problem["input"]
    match problem["type"]:
        case "int_parsing" | "int_type" | "int_parsing_size" | "int_from_float":
            return str(InvalidParameter(f"{name}:", "must be a whole number", given))
        case "greater_than_equal":
            return str(InvalidParameter(f"{name}:", f"must be at least {limits['ge']}", given))
        case "less_than_equal":
            return str(InvalidParameter(f"{name}:", f"must be at most {limits['le']}", given))
        case "bool_parsing" | "bool_type":
            return str(InvalidParameter(f"{name}:", "must be on or off", given))
        case "literal_error":
            return str(InvalidParameter(f"{name}:", f"must be {limits['expected']}", given))
        case "value_error":
            return f"{name}: {limits['error']}"
        case _:
            return f"{name}: {problem['msg']}"
