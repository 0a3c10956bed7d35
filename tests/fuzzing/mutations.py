"""Sound files with faults: bytes changed, taken away, put in, the end missing."""

from hypothesis import strategies as st

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("set", "set", "set", "cut", "insert", "end")),
        st.integers(0, 1 << 20),
        st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)) | st.integers(0, 255),
        st.integers(1, 24),
    ),
    max_size=12,
)


def mutated(content: bytes, changes: list[tuple[str, int, int, int]]) -> bytes:
    """The content with some changes, each at its place of what is left."""
    changed = bytearray(content)
    for kind, place, value, length in changes:
        at = place % max(1, len(changed))
        if kind == "set":
            changed[at : at + 1] = bytes((value,))
        elif kind == "cut":
            del changed[at : at + length]
        elif kind == "insert":
            changed[at:at] = bytes((value,)) * length
        else:
            del changed[at:]
    return bytes(changed)
