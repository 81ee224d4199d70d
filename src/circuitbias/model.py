"""What a component is made of: options in a frozen model, checked whenever one is made; cost and look."""

import dataclasses
import inspect
from types import NoneType, UnionType
from typing import Literal, NamedTuple, Union, dataclass_transform, get_args, get_origin, get_type_hints

from circuitbias.validation import checked

_KINDS = {int: "integer", float: "number", bool: "boolean", str: "string", NoneType: "null"}
_RANGES = {"least": "minimum", "above": "exclusiveMinimum", "most": "maximum", "below": "exclusiveMaximum"}
_LENGTHS = {"fewest": "minItems", "longest": "maxItems", "different": "uniqueItems"}


def option(default=dataclasses.MISSING, says: str = "", **limits):
    """Declare an option of a component.

    Parameters
    ----------
    default : optional
        Without one, the option must be given. A list is a tuple here.
    says : str
        What it means, with its unit: one sentence for the table of a config's keys.
    **limits
        ``least``, ``above``, ``most``, ``below``: bounds of a number, or of each number of a list;
        ``fewest``, ``longest``: bounds of the length of a list; ``different=True``: no entry twice;
        ``pattern``: what a text must match.

    Returns
    -------
    Field
        Of a dataclass. Types that options may have: int, float, bool, str, Literal, tuple[..., ...] of these,
        and unions of them; also with None.
    """
    if unknown := set(limits) - {*_RANGES, *_LENGTHS, "pattern"}:
        raise ValueError(f"option: unknown limits {sorted(unknown)}")
    if isinstance(default, list | dict | set):
        rule = "must be a number, a text, True, False, None or a tuple of these, as tuple[int, ...] has"
        raise TypeError(f"option: default = {default!r} could be changed; {rule}")
    return dataclasses.field(default=default, metadata={"says": says, "limits": limits})


class Examples(tuple):
    """Options, as dicts, with which a component is held to its contract."""

    def __new__(cls, *options: dict):
        """One or more."""
        return super().__new__(cls, options)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(option,))
class Component:
    """Base of all that a config names: a frozen model of options, checked whenever one is made.

    Attributes
    ----------
    examples : Examples
        Options with which it is held to its contract.
    """

    examples = Examples({})

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        if own := [name for name in ("__init__", "__post_init__") if name in vars(cls)]:
            raise TypeError(
                f"{cls.__name__} has an {own[0]}: a component is its options alone, as fields; what changes "
                "while it works is kept in local variables of its method"
            )
        dataclasses.dataclass(frozen=True, init=False)(cls)
        if says := _parameters(cls):
            cls.__doc__ = f"{inspect.cleandoc(cls.__doc__ or '')}\n\nParameters\n----------\n{says}"

    def __init__(self, **options):
        found = checked(self.schema(), options, f"options of {type(self).__name__}")
        vars(self).update({name: _frozen(value) for name, value in found.items()})

    @classmethod
    def of(cls, options: dict) -> "Component":
        """Make one of options that are complete and have been checked."""
        made = object.__new__(cls)
        vars(made).update({name: _frozen(value) for name, value in options.items()})
        return made

    @classmethod
    def says(cls) -> str:
        """What it is: the first line of its docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]

    @classmethod
    def schema(cls) -> dict:
        """JSON schema of its options."""
        hints = get_type_hints(cls)
        fields = dataclasses.fields(cls)
        required = [field.name for field in fields if field.default is dataclasses.MISSING]
        return {
            "type": "object",
            "additionalProperties": False,
            **({"required": required} if required else {}),
            "properties": {field.name: _schema_of(hints[field.name], field) for field in fields},
        }

    def options(self) -> dict:
        """Options by name, as JSON has them."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _parameters(cls) -> str:
    """Options in the form of a docstring, so that `help` says what a config's table of keys does."""
    lines = []
    for field in dataclasses.fields(cls):
        kind = field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)
        given = "" if field.default is dataclasses.MISSING else f", default {field.default!r}"
        lines += [f"{field.name} : {kind}{given}", f"    {field.metadata.get('says', '')}"]
    return "\n".join(lines)


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value


def _schema_of(kind, field) -> dict:
    """JSON schema of one option."""
    part, default = _of_type(kind, field.metadata.get("limits", {})), field.default
    if default is not dataclasses.MISSING:
        part["default"] = list(default) if isinstance(default, tuple) else default
    return part | {"description": field.metadata.get("says", "")}


def _of_type(kind, limits) -> dict:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(parts)}
    if origin in (Union, UnionType):
        some = [_of_type(part, limits) for part in parts if part is not NoneType]
        if len(some) == 1 and NoneType in parts and "type" in some[0]:
            return some[0] | {"type": [some[0]["type"], "null"]}
        some = [{"const": one["enum"][0]} if len(one.get("enum", ())) == 1 else one for one in some]
        return {"anyOf": some + [{"type": "null"}] * (NoneType in parts)}
    if origin in (tuple, list):
        lengths = {word: limits[name] for name, word in _LENGTHS.items() if name in limits}
        return {"type": "array", "items": _of_type(parts[0], limits), **lengths}
    if kind not in _KINDS:
        raise TypeError(
            f"an option cannot be {kind!r}; must be int, float, bool, str, Literal or a tuple of these"
        )
    bounds = {word: limits[name] for name, word in _RANGES.items() if name in limits and kind in (int, float)}
    pattern = {"pattern": limits["pattern"]} if kind is str and "pattern" in limits else {}
    return {"type": _KINDS[kind], **bounds, **pattern}


class Cost(NamedTuple):
    """What a job takes.

    Attributes
    ----------
    seconds : float
        Measured on one core for 1e7 spikes of 100 neurons, start of the program included.
    bin_steps : int
        Bins that this was measured with; narrower ones take as much more.
    """

    seconds: float = 60.0
    bin_steps: int = 100


class Look(NamedTuple):
    """How figures show estimators of a method.

    Attributes
    ----------
    family : str
        Of methods that share a panel.
    styles : dict of str to (str, str)
        Colour and marker of estimators by the name that a config gives them; others take what is free.
    words : tuple of str
        Words of these names as they are written in a legend, such as ``GLM``.
    """

    family: str = "others"
    styles: dict = {}  # noqa: RUF012 (of a tuple, which cannot change)
    words: tuple = ()
