"""Texts as spreadsheets, R, MATLAB scripts, NEST and neo write them; and the line of what is wrong in one."""

import numpy as np
import pytest

import circuitbias as cb


def rows(pairs, line, factor=1.0):
    return "".join(line.format(t=time * factor, u=unit) for time, unit in zip(*pairs, strict=True))


@pytest.mark.parametrize(
    ("start", "line", "end", "factor"),
    [
        (",time,unit\n", "0,{t:.9f},{u}\n", "", 1),  # a column of row numbers
        ('"time" "unit"\n', '"{u}" {t:.9f} {u}\n', "", 1),  # of R, if rows have names
        ("time,unit,\n", "{t:.9f},{u},\n", "", 1),
        ("time,unit\n", "{t:.9f},{u},\n", "", 1),  # a separator too many, in the rows alone
        ("time;unit\r\n", "{t:.9f};{u}\r\n", ";\r\n;\r\n", 1),  # empty rows of a spreadsheet
        ("time,unit\n[ms],[-]\n", "{t:.9f},{u}\n", "", 1e3),  # a line with units of measure
        ("time,unit\ns,\n", "{t:.9f},{u}\n", "", 1),
        ("# NEST version: 3.6\nsender\ttime_ms\n", "{u}\t{t:.9f}\n", "", 1e3),
        ("Unit number   Spike time (ms)\n", "{u:>9d}   {t:16.9f}\n", "", 1e3),
        ("event,unit name,timestamp\n", "spike,{u},{t:.9f}\n", "", 1),
        ("time,amplitude,unit\n", "{t:.9e},-50.5,{u}\n", "# a pause\n", 1),
    ],
)
def test_what_other_programs_write(tmp_path, pairs, trains, same, start, line, end, factor):
    if '"{u}"' in line:
        text = start + "".join(
            f'"{k}" {time:.9f} {unit}\n' for k, (time, unit) in enumerate(zip(*pairs, strict=True), 1)
        )
    else:
        text = start + rows(pairs, line, factor) + end
    (tmp_path / "a.csv").write_bytes(text.encode())
    same(cb.recording(tmp_path / "a.csv"), trains, silent=False, atol=1e-8)


@pytest.mark.parametrize(
    "line",
    ["{u},{t}\n", "{u}: {t}\n", "unit{u};{t}\n", "{u}\t{t}\t\n"],
)
def test_a_line_of_times_for_each_unit(tmp_path, trains, same, line):
    separator = line[line.index("}") + 1].replace(":", " ")
    texts = {u: separator.join(f"{t:.9f}" for t in train) for u, train in trains.items() if len(train)}
    (tmp_path / "a.txt").write_text("".join(line.format(u=u, t=text) for u, text in texts.items()))
    named = {("unit" if "unit" in line else "") + u: trains[u] for u in texts}
    same(cb.recording(tmp_path / "a.txt"), named)


def test_a_line_of_times_as_neo_writes_it(tmp_path, trains):
    neo, pq = pytest.importorskip("neo"), pytest.importorskip("quantities")
    segment = neo.Segment()
    spiking = [train for train in trains.values() if len(train)]
    for train in spiking:
        segment.spiketrains.append(neo.SpikeTrain(train * 1e3, units=pq.ms, t_stop=1e5))
    neo.io.AsciiSpikeTrainIO(str(tmp_path / "a.txt")).write_segment(segment)
    read = cb.recording(tmp_path / "a.txt")
    for found, train in zip(read.times_s, spiking, strict=True):
        np.testing.assert_allclose(found, train, atol=1e-9)


def test_columns_of_units_whose_names_are_not_alike(tmp_path, trains, same):
    chosen = {"A1": trains["4"], "B2": trains["5"], "left": trains["6"]}
    deep = max(map(len, chosen.values()))
    cells = [[f"{t:.9f}" for t in one] + ["NaN"] * (deep - len(one)) for one in chosen.values()]
    text = ",".join(chosen) + "\n" + "".join(",".join(row) + "\n" for row in zip(*cells, strict=True))
    (tmp_path / "a.csv").write_text(text)
    same(cb.recording(tmp_path / "a.csv"), chosen)


def test_ids_stay_as_they_are_written(tmp_path):
    (tmp_path / "a.csv").write_text("time_s,unit\n0.5,007\n0.6,7\n0.7,NA\n0.8,tet 2\n")
    assert set(cb.recording(tmp_path / "a.csv").units) == {"007", "7", "NA", "tet 2"}


def test_ids_that_become_texts_late(tmp_path, monkeypatch):
    monkeypatch.setattr("circuitbias.recordings.text_tables._ROWS", 3)
    lines = [f"{k / 10},{k % 2}" for k in range(8)] + ["0.9,last", "1.0,é"]
    (tmp_path / "a.csv").write_bytes(("time_s,unit\n" + "\n".join(lines) + "\n").encode("latin-1"))
    read = cb.recording(tmp_path / "a.csv")
    assert dict(zip(read.units, map(len, read.times_s), strict=True)) == {"0": 4, "1": 4, "last": 1, "é": 1}


def test_old_ends_of_lines_and_a_long_text(tmp_path, trains, same):
    """More than what is looked at first, with nothing but carriage returns."""
    many = {"1": np.arange(1, 9000) / 100, "2": np.arange(1, 9000) / 101}
    text = "time,unit\r" + "".join(f"{t:.9f},{u}\r" for u, train in many.items() for t in train)
    (tmp_path / "a.csv").write_bytes(text.encode())
    same(cb.recording(tmp_path / "a.csv"), many)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("oops,3\n", r"'oops' in line {n} \('oops,3'\) is no time"),
        ("1.5,\n", r"line {n} \('1.5,'\) has no time or no unit"),
        ("1.5\n", r"line {n} \('1.5'\) has no time or no unit"),
        ("nan,3\n", r"line {n} \('nan,3'\) has no time or no unit"),
        ("1.5,3,9,9\n", r"line {n} \('1.5,3,9,9'\) has 4"),
    ],
)
@pytest.mark.parametrize("many", [50, 9000])
def test_the_line_of_what_is_wrong(tmp_path, wrong, message, many):
    """Near the beginning, where the layout is looked at, and far behind; blank lines and comments count."""
    good = [f"{k / 100:.2f},{k % 3}\n" for k in range(many)]
    (tmp_path / "a.csv").write_text("# made by hand\ntime,unit\n\n" + "".join(good) + wrong + "".join(good))
    with pytest.raises(ValueError, match=message.format(n=many + 4)):
        cb.recording(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("spke_tme,depth,unit", r"say time_column \(time_column='spke_tme'"),
        ("when,time_step,unit", "time_column='time_step'"),
        ("depth,time,clustr", "say unit_column .unit_column='clustr'"),
        ("time_min,unit", "column 'time_min' seems to be in minutes"),
    ],
)
def test_the_likeliest_column_is_named(tmp_path, header, message):
    width = header.count(",") - 1
    text = "".join(f"{'0.5,' * width}{k / 7},{k % 3}\n" for k in range(1, 30))
    (tmp_path / "a.csv").write_text(f"{header}\n{text}")
    with pytest.raises(ValueError, match=message):
        cb.recording(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=r"did you mean unit\?|no such column"):
        cb.recording(tmp_path / "a.csv", unit_column="unt")


def test_counts_with_a_column_of_bins(tmp_path):
    text = "".join(f"{k * 0.01:.2f},{k % 2},{k % 3},0\n" for k in range(50))
    (tmp_path / "a.csv").write_text(f"bin,u1,u2,u3\n{text}")
    with pytest.raises(ValueError, match="read it with format counts"):
        cb.recording(tmp_path / "a.csv")
