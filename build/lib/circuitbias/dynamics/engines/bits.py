"""Find the few among many: comparisons of sixteen words at once, as bits.

Two instructions that compiled Python has no word for. They are written in LLVM's own language, which every
processor has an answer to: one vector comparison where there are vectors wide enough, a few elsewhere.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WIDTH = 16
"""Words that are compared at once."""


@intrinsic
def mask_not_above(typing_context, words, bounds, first):
    """Bit k is set where ``words[first + k] <= bounds[first + k]``, for k < `WIDTH`.

    Parameters
    ----------
    words, bounds : ndarray of uint32, one-dimensional and contiguous
        At least ``first + WIDTH`` long: nobody checks.
    first : int

    Returns
    -------
    uint64
    """
    if not all(array == types.Array(types.uint32, 1, "C") for array in (words, bounds)):
        return None

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(ir.IntType(32), WIDTH)
        loaded = []
        for kind, array in zip(signature.args[:2], arguments[:2], strict=True):
            data = context.make_array(kind)(context, builder, array).data
            place = builder.gep(data, [arguments[2]])
            # Unaligned: a vector begins where its first word lies.
            loaded.append(builder.load(builder.bitcast(place, vector.as_pointer()), align=4))
        flags = builder.icmp_unsigned("<=", *loaded)
        return builder.zext(builder.bitcast(flags, ir.IntType(WIDTH)), ir.IntType(64))

    return types.uint64(words, bounds, types.intp), generate


@intrinsic
def lowest_bit(typing_context, mask):
    """Place of the lowest set bit of a uint64 that is not 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate
