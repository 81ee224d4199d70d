"""Small edits of source code, such as a slip of the hand would make: each should fail some test."""

import ast
from typing import NamedTuple

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_PAIRS = (
    "min max",
    "any all",
    "minimum maximum",
    "argmin argmax",
    "floor ceil",
    "nanmin nanmax",
    "amin amax",
)
CALLS = {a: b for pair in _PAIRS for a, b in (pair.split(), pair.split()[::-1])} | {
    "mean": "sum",
    "std": "var",
}
LEFT_OUT = {
    "abs",
    "sqrt",
    "nan_to_num",
    "sorted",
    "clip",
    "clamp",
    "copy",
    "min",
    "max",
    "minimum",
    "maximum",
}
KEYWORDS = {"axis", "ddof", "correction", "side", "initial", "minlength", "where", "keepdims", "default"}
SAID = {"warnings.warn", "print", "progress.add", "report"}  # calls whose arguments are words, or for the eye
SAFEGUARDS = ("stacklevel", "strict")  # arguments that change no result
MODULES = {"np", "math", "torch"}
UNTOUCHED = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)  # words, and what names them


class Mutation(NamedTuple):
    """One edit: the text from byte ``start`` to ``end`` of a source is replaced."""

    line: int
    start: int
    end: int
    before: str
    after: str

    def of(self, source: str) -> str:
        """The source with this edit."""
        text = source.encode()
        return (text[: self.start] + self.after.encode() + text[self.end :]).decode()


def mutations(source: str) -> list[Mutation]:
    """All mutations of a module, in the order of its text."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node, after in _edits(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = source.encode()[start:end].decode()
        new = after if isinstance(after, str) else f"({ast.unparse(after)})"
        found.append(Mutation(node.lineno, start, end, before, new))
    return sorted(set(found))


def _edits(node):
    """Yield nodes, here and below, and what may stand in their place: another node, or text."""
    if isinstance(node, UNTOUCHED) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    if isinstance(node, ast.Expr | ast.AugAssign) or (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
    ):
        yield node, "pass"
    if isinstance(node, ast.Call) and ast.unparse(node.func) in SAID:
        return
    yield from _in_place(node)
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and getattr(child, "arg", None) not in SAFEGUARDS:
                yield from _edits(child)


def _in_place(node):
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            for other in COMPARISONS[type(op)]:
                ops = [*node.ops[:at], other(), *node.ops[at + 1 :]]
                yield node, ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield node, ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
        yield node, ast.unparse(ast.AugAssign(node.target, OPERATORS[type(node.op)](), node.value))
    elif isinstance(node, ast.BoolOp):
        yield node, ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for at in range(len(node.values)):
            yield node, ast.BoolOp(node.op, node.values[:at] + node.values[at + 1 :])
    elif isinstance(node, ast.UnaryOp):
        yield node, node.operand
    elif isinstance(node, ast.Constant):
        yield from ((node, ast.Constant(other)) for other in _other_values(node.value))
    elif isinstance(node, ast.If | ast.IfExp):
        yield node.test, ast.UnaryOp(ast.Not(), node.test)
        yield node.test, "False"
        yield node.test, "True"
    elif isinstance(node, ast.comprehension):
        yield from ((test, "True") for test in node.ifs)
    elif isinstance(node, ast.Break | ast.Continue):
        yield node, "continue" if isinstance(node, ast.Break) else "break"
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node, node.value
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _other_values(value):
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1) if value < 100 else (2 * value,)
    return (2 * value or 1.0,) if isinstance(value, float) else ()


def _of_call(node):
    function, method = node.func, isinstance(node.func, ast.Attribute)
    name = function.attr if method else getattr(function, "id", "")
    if name in CALLS:
        other = ast.Attribute(function.value, CALLS[name]) if method else ast.Name(CALLS[name])
        yield node, ast.Call(other, node.args, node.keywords)
    if name in LEFT_OUT:
        receiver = [function.value] if method and ast.unparse(function.value) not in MODULES else []
        yield from (
            (node, left)
            for left in receiver or node.args
            if not isinstance(left, ast.Starred | ast.GeneratorExp)
        )
    for keyword in node.keywords:
        if keyword.arg in KEYWORDS:
            yield (
                node,
                ast.Call(function, node.args, [other for other in node.keywords if other is not keyword]),
            )
