"""Matrices as spreadsheets, pandas, R and MATLAB save them: read, or refused with what to change."""

import numpy as np
import pandas as pd
import pytest

from circuitbias.networks import read_weights

W = np.array([[0.0, 1.5, 2.0], [3.0, 0.0, 4.0], [5.0, 6.25, 0.0]])

READ = {
    "plain": "0,1.5,2\n3,0,4\n5,6.25,0\n",
    "no end of line": "0,1.5,2\n3,0,4\n5,6.25,0",
    "byte order mark": "\ufeff0,1.5,2\n3,0,4\n5,6.25,0\n",
    "Windows": "0,1.5,2\r\n3,0,4\r\n5,6.25,0\r\n",
    "old Macintosh": "0,1.5,2\r3,0,4\r5,6.25,0\r",
    "comments and blanks": "# pre, post\n\n0, 1.5 ,2 # first\n3,0,4\n\n5,6.25,0\n",
    "exponents": "0,15e-1,+2.\n3E0,-0,4\n5,6.25,.0\n",
}


@pytest.mark.parametrize("case", READ)
def test_what_is_read(tmp_path, case):
    path = tmp_path / "w.csv"
    path.write_text(READ[case], newline="")
    assert np.array_equal(read_weights(path), W)


REFUSED = {
    "header": ("a,b,c\n0,1,2\n3,0,4\n5,6,0\n", r"names in line 1 \('a', 'b', 'c'\): leave them out"),
    "header after a comment": ("# mine\na,b\n0,1\n1,0\n", r"names in line 2 \('a', 'b'\)"),
    "many names": ("a,b,c,d,e\n" + 5 * "0,1,2,3,4\n", r"\('a', 'b', 'c', 'd' ...\)"),
    "index": ("a,0,1\nb,1,0\n", r"names in column 1 \('a', 'b'\): leave them out"),
    "both": (",a,b\na,0,1\nb,1,0\n", r"names in line 1 .* and column 1 \('a', 'b'\)"),
    "R": ('"","V1","V2"\n"1",0,1\n"2",1,0\n', r"names in line 1 .* and column 1"),
    "R without names": ('"V1","V2"\n0,1\n1,0\n', r"names in line 1 \('V1', 'V2'\)"),
    "numbered columns": ("0,1,2\n0,5,7.5\n6,0,7\n8,9,0\n", "line 1 counts the columns"),
    "numbered lines": ("1,0,5,7.5\n2,6,0,7\n3,8,9,0\n", "column 1 counts the lines"),
    "semicolons": ("0;1\n1;0\n", r"separated by semicolons: put commas between them\)$"),
    "decimal commas": ("0;1,5\n1;0\n", "separated by semicolons: .* points, not commas"),
    "semicolons and names": (";a;b\na;0;1\nb;1;0\n", "separated by semicolons"),
    "tabs": ("0\t1\n1\t0\n", "separated by tabs"),
    "spaces": ("  0.0e+00   1.0e+00\n  2.0e+00   0.0e+00\n", "separated by spaces"),
    "bars": ("0|1\n1|0\n", "separated by bars"),
    "quotes": ('"0","1"\n"1","0"\n', "quotes around numbers: write them without"),
    "quotes and decimal commas": ('"0","1,5"\n"3,2","0"\n', "decimal commas within quotes"),
    "empty diagonal": (",1,2\n3,,4\n5,6,\n", "line 1, column 1: nothing is there: write 0"),
    "empty cell": ("0,1,2\n3,0,\n5,6,0\n", "line 2, column 3: nothing is there: write 0"),
    "commas at the end": ("0,1,\n1,0,\n", "every line ends with a comma, as line 1 does"),
    "ragged": ("0,1,2\n\n3,0\n5,6,0\n", "line 3 has 2 numbers, line 1 has 3"),
    "word": ("0,x\n1,0\n", "line 1, column 2: 'x' is no number"),
    "missing": ("0,NA\n1,0\n", "line 1, column 2: 'NA' is no number"),
    "typographic minus": ("0,\u22121\n1,0\n", "line 1, column 2: '\u22121' is no number"),
    "half a quote": ('"0,1\n1,0\n', "line 1, column 1: .* is no number"),
    "prose": ("these are\nmy weights\n", "line 1, column 1: 'these are' is no number"),
    "json": ("[[0,1],[1,0]]\n", "is no number"),
    "zeros": ("0,1\n\0,1\n", "it is no text"),
    "UTF-16": ("0,1\n1,0\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
    "Latin-1": ("é,b\n0,1\n1,0\n".encode("latin1"), "byte 0 is no text in UTF-8"),
    "a workbook": (b"PK\x03\x04\x14\x00\xff\xfe", "is no text in UTF-8"),
    "without end": (b"x" * 200_000 + b"\n", "no"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_what_to_change(tmp_path, case):
    content, message = REFUSED[case]
    path = tmp_path / "w.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as caught:
        read_weights(path)
    said = str(caught.value)
    assert said.startswith(f"path: {path} cannot be read as .csv (") and len(said) < 400
    for library in ("convert", "codec", "usecols", "delimiter", "dtype", "loadtxt"):
        assert library not in said


@pytest.mark.parametrize("options", [{}, {"index": False}, {"header": False}, {"sep": ";", "decimal": ","}])
def test_what_pandas_saves(tmp_path, options):
    """Do what the message says, until it is read: nothing else may be asked for."""
    path = tmp_path / "w.csv"
    frame = pd.DataFrame(W, columns=["a", "b", "c"], index=["a", "b", "c"])
    frame.to_csv(path, **options)
    with pytest.raises(ValueError, match=r"names in|semicolons"):
        read_weights(path)
    frame.to_csv(path, index=False, header=False)
    assert np.array_equal(read_weights(path), W)
    pd.DataFrame(W).to_csv(path)  # its names are numbers
    with pytest.raises(ValueError, match=r"names in line 1 .* and column 1"):
        read_weights(path)


# --- lists of edges -------------------------------------------------------------------------------

EDGES = {
    "three": [[0, 1, 0.5], [1, 2, 0.3], [2, 0, 0.1]],
    "three with weight one": [[0, 1, 1], [1, 2, 1], [2, 0, 1]],
    "three from one on": [[1, 2, -4.0], [2, 3, 7.0], [3, 1, 2.0]],
    "three of many neurons": [[10, 20, 0.5], [20, 30, 0.3], [5, 10, 0.1]],
    "two": [[0, 1, 0.5], [1, 0, 0.25]],
    "many": [[i, (i * 7 + 1) % 40, 0.1 * i] for i in range(40)],
    "without weights": [[0, 1], [1, 2], [2, 3]],
}
MATRICES = {
    "zero diagonal": [[0, 1, 2], [3, 0, 4], [5, 6, 0]],
    "all different": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    "real": [[0.0, 1.0, -2.5], [3.0, 0.5, 4.0], [5.0, -6.0, 0.0]],
    "self-coupling": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "repeated": [[0, 1, 0.5], [0, 1, 0.5], [0, 1, 0.5]],
    "two neurons": [[1, 2], [3, 4]],
}


def save(path, values):
    if path.suffix == ".csv":
        np.savetxt(path, values, delimiter=",", fmt="%g")
    elif path.suffix == ".npy":
        np.save(path, values)
    else:
        np.savez(path, W=values)


@pytest.mark.parametrize("suffix", ["csv", "npy", "npz"])
@pytest.mark.parametrize("case", EDGES)
def test_a_list_of_edges_is_no_matrix(tmp_path, case, suffix):
    path = tmp_path / f"w.{suffix}"
    save(path, np.array(EDGES[case]))
    with pytest.raises(ValueError, match="looks like a list of edges") as caught:
        read_weights(path)
    assert str(path) in str(caught.value)
    square = len({*np.shape(EDGES[case])}) == 1  # only then it may be a matrix all the same
    assert ("set its diagonal to 0" in str(caught.value)) == square


@pytest.mark.parametrize("case", MATRICES)
def test_a_matrix_is_no_list_of_edges(tmp_path, case):
    save(tmp_path / "w.csv", np.array(MATRICES[case]))
    assert read_weights(tmp_path / "w.csv").tolist() == MATRICES[case]
