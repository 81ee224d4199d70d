"""YAML files as a person reads them: what YAML 1.1 reads otherwise, and what is there twice, is refused."""

import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

import yaml

from circuitbias.config_schema import (
    MOST_VALUES,
    ConfigError,
)

# Far beyond what a config needs, and far below what takes long to look at.
_MOST_CHARACTERS = 100_000

_MOST_MISREAD = 100  # named in one message


def read_config(path: str | Path) -> dict:
    """Read a YAML file, as it is.

    Raises
    ------
    ConfigError
        If there is no such file, if it is not valid YAML, if a key is there twice, if it is too large, or if
        YAML reads a value otherwise than a person does: ``010`` as 8, ``1:30`` as 90, ``no`` as false.
    """
    from circuitbias.reading import opened  # brings h5py, which is slow

    try:
        with opened(path) as file, TextIOWrapper(file, encoding="utf-8") as characters:
            text = characters.read(_MOST_CHARACTERS + 1)
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"it has more than {_MOST_CHARACTERS} characters")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return {}
        _checked_size(node, {})
        if misread := dict.fromkeys(_misread(node, "", set())):
            raise ValueError(
                "\n  ".join(["some values are not what they seem:", *list(misread)[:_MOST_MISREAD]])
            )
        config = loader.construct_document(node)
    except OSError as error:
        what = f"{error.strerror} (errno {error.errno})"
        raise ConfigError(f"config file {path}: {what}; must be a YAML file that can be read") from error
    except Exception as error:  # beside its own errors, yaml lets through those of int, float, dates ...
        raise ConfigError(f"config file {path}: must be valid YAML: {error}") from error
    return {} if config is None else config


def _checked_size(node: yaml.Node | None, sizes: dict[int, int]) -> int:
    """Count the values below a YAML node, those behind aliases each time; refuse keys that are there twice.

    A few lines of aliases of aliases stand for more values than fit into memory, so this comes first.
    """
    if id(node) not in sizes:
        sizes[id(node)] = MOST_VALUES + 1  # for an alias of what it lies in
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            keys = set()
            for key, _ in inner:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        raise ValueError(
                            f"line {key.start_mark.line + 1}: the key {key.value!r} is there twice"
                        )
                    keys.add(key.value)
            inner = [part for pair in inner for part in pair]
        sizes[id(node)] = 1 + sum(_checked_size(part, sizes) for part in inner)
    if sizes[id(node)] > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES} values, those behind aliases each time")
    return sizes[id(node)]


_NOT_WHAT_IT_SEEMS = (
    ("int", r"[-+]?0[0-9_]+", "a number of base 8", "without the zeros in front"),
    ("int", r".*:.*", "a number of base 60", "in one unit"),
    ("float", r".*:.*", "a number of base 60", "in one unit"),
    ("int", r".*_.*", "a number, without the underscores", "without them"),
    ("float", r".*_.*", "a number, without the underscores", "without them"),
    ("bool", r"(?i:yes|no|on|off)", "a truth value", "true or false"),
    ("timestamp", r".*", "a date", "what it stands for"),
)
"""YAML's kind, a pattern, how YAML 1.1 reads what matches it, and how to write it."""


def _misread(node: yaml.Node, name: str, seen: set) -> Iterator[str]:
    """Name the keys and values below a YAML node that YAML 1.1 reads otherwise than a person does."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            text = key.value if isinstance(key, yaml.ScalarNode) else "?"
            yield from _misread(key, f"{name} (a key)".lstrip(), seen)
            yield from _misread(value, f"{name}.{text}".lstrip("."), seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _misread(value, f"{name}[{index}]", seen)
    else:
        for kind, pattern, reading, remedy in _NOT_WHAT_IT_SEEMS:
            if node.tag == f"tag:yaml.org,2002:{kind}" and re.fullmatch(pattern, node.value):
                where, text = f"line {node.start_mark.line + 1}: {name:.200}", f"{node.value:.50}"
                yield f"{where}: YAML reads {text} as {reading}; write it {remedy}, or a text in quotes"
                return
