from __future__ import annotations

import tomllib
from typing import Any

import tomlkit
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from evertape.config.positions import KeyMap, Path, scan
from evertape.config.syntax import parse
from evertape.config.textedit import add_table_in, remove_in, set_in

# -- Documents in every layout TOML has -------------------------------------------------------------------------------

_blank = st.sampled_from(["", " ", "\t", "  "])
_gap = st.sampled_from(["", "\n", "\n# a [comment] = {\n", "  # \"more'\n\n"])
_plain_text = st.text(alphabet=st.sampled_from("ab #=[]{}\"'\\\n,é."), max_size=8)


@st.composite
def _keys(draw: st.DrawFn, name: str) -> str:
    """A key that means ``name`` behind odd characters, bare or in either kind of quotes."""
    style = draw(st.sampled_from(["bare", "basic", "literal", "odd"]))
    return {"bare": name, "basic": f'"{name}"', "literal": f"'{name}'", "odd": f'"{name}.#=[\\""'}[style]


@st.composite
def _strings(draw: st.DrawFn) -> str:
    text = draw(_plain_text)
    one_line = text.replace("\n", "")
    basic = text.replace("\\", "\\\\").replace('"', '\\"')
    return draw(
        st.sampled_from(
            [
                '"' + basic.replace("\n", "\\n") + '"',
                "'" + one_line.replace("'", "") + "'",
                '"""\n' + basic + '"""',
                '"""' + basic + '""""',
                "'''" + text.replace("'", "") + "'''''",
            ]
        )
    )


_scalars = st.one_of(
    _strings(),
    st.sampled_from(["true", "false", "0", "-17", "0xFF", "1_000", "1.5e3", "inf", "1979-05-27 07:32:00Z", "07:32:00"]),
)


@st.composite
def _arrays(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(inner, max_size=3))
    parts = [draw(_gap) + item + draw(_gap) for item in items]
    return "[" + ",".join(parts) + draw(st.sampled_from(["", ","] if parts else [""])) + draw(_gap) + "]"


@st.composite
def _inline_tables(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    names = draw(st.lists(st.sampled_from("pqrs"), unique=True, max_size=3))
    parts = []
    for name in names:
        key = draw(_keys(name)) + draw(st.sampled_from(["", ".deep", " . 'deep'.er"]))
        parts.append(f"{draw(_blank)}{key}{draw(_blank)}={draw(_blank)}{draw(inner)}{draw(_blank)}")
    return "{" + ",".join(parts) + "}"


_values = st.recursive(_scalars, lambda inner: _arrays(inner) | _inline_tables(inner), max_leaves=6)


@st.composite
def documents(draw: st.DrawFn) -> str:
    counter = iter(range(100))
    text = draw(_gap)
    for _ in range(draw(st.integers(0, 4))):
        style = draw(st.sampled_from(["none", "table", "deep", "array", "sub"]))
        name = draw(_keys(f"t{next(counter)}"))
        blank = draw(_blank)
        if style in ("table", "deep"):
            tail = " . x" if style == "deep" else ""
            text += f"{blank}[ {name}{tail} ]{blank} # [no]\n"
        elif style == "array":
            text += f"[[{name}]]\n{blank}[[{name}]] #\n"
        elif style == "sub":
            text += f"[[{name}.list]]\nz = 1\n[[{name}.list]]\n[{name}.list.below.it]\n"
        for _ in range(draw(st.integers(0, 3))):
            key = draw(_keys(f"k{next(counter)}")) + draw(st.sampled_from(["", ".a", ". b .c"]))
            line = f"{draw(_blank)}{key}{draw(_blank)}={draw(_blank)}{draw(_values)}{draw(_blank)}"
            text += line + draw(st.sampled_from(["\n", " # c\n", "#\n\n"]))
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


_NOTHING = object()


def _leaves(data: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = [(path, data)] if path else []
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        found += _leaves(value, (*path, key))
    return found


def _reads_back(keys: KeyMap, path: Path, value: Any) -> bool:
    """The text from the key to the end of its value, read alone, is this key with this value."""
    start, end = keys.values[path]
    written = keys.text[start:end]
    if isinstance(path[-1], int):
        return keys.keys[path] == start and bool(tomllib.loads(f"x = {written}")["x"] == value)
    alone: Any = tomllib.loads(keys.text[keys.keys[path] : end])
    for depth in range(len(path), 0, -1):  # a dotted key says the path's last parts, how many is not known here
        found = alone
        for part in path[-depth:]:
            found = found.get(part, _NOTHING) if isinstance(found, dict) else _NOTHING
        if found is not _NOTHING:
            return bool(found == value)
    return False


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_every_key_is_found_where_it_is_written(text: str) -> None:
    data = tomllib.loads(text)
    keys = scan(text)
    for path, value in _leaves(data):
        if value in ([], {}) and path not in keys.keys:
            continue  # an array of tables may hold one without a key of its own; its header is the next check
        assert path in keys.keys, path
        if path in keys.values:
            assert _reads_back(keys, path, value), path
    written = {path for path, value in _leaves(data) if not isinstance(value, dict | list)}
    assert written <= keys.values.keys()
    assert keys.values.keys() <= {path for path, _ in _leaves(data)}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(documents(), st.data())
def test_a_line_of_rubbish_costs_only_itself(text: str, data: st.DataObject) -> None:
    keys = scan(text)
    starts = [0, len(text)] + [text.rfind("\n", 0, s.start) + 1 for s in keys.statements]
    place = data.draw(st.sampled_from(starts))
    rubbish = data.draw(st.sampled_from(["rubbish", "rubbish = ", "rubbish = 10min", 'rubbish = "open', "= 3", "?!"]))
    parsed = parse(text[:place] + rubbish + "\n" + text[place:])
    assert parsed.data == tomllib.loads(text)
    assert [p.line for p in parsed.problems] == [text.count("\n", 0, place) + 1]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(documents(), st.data())
def test_a_damaged_text_is_read_without_an_exception_and_its_damage_noticed(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    damaged = text[:start] + data.draw(st.text(alphabet="[]{}=\"'.,\n x\\", max_size=3)) + text[end:]
    parsed = parse(damaged)
    try:
        whole = tomllib.loads(damaged)
    except tomllib.TOMLDecodeError:
        assert parsed.problems
        assert all(1 <= p.line <= damaged.count("\n") + 1 for p in parsed.problems)
    else:
        assert not parsed.problems
        assert parsed.data == whole


@given(st.text(max_size=60))
def test_any_text_at_all_is_scanned_without_an_exception(text: str) -> None:
    keys = scan(text)
    assert all(0 <= offset <= len(text) for offset in keys.keys.values())


def _tables(data: dict[str, Any], path: Path = ()) -> list[Path]:
    found = [path] if path else []
    for key, value in data.items():
        if isinstance(value, dict):
            found += _tables(value, (*path, key))
    return found


def _editable(path: Path) -> bool:
    """A change at ``path`` does not go through an array; the editor leaves those alone."""
    return all(isinstance(part, str) for part in path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(documents(), st.data())
def test_a_value_is_changed_and_every_other_character_stays(text: str, data: st.DataObject) -> None:
    text = text.replace("\r\n", "\n")
    read = tomllib.loads(text)
    paths = [p for p, v in _leaves(read) if _editable(p) and not isinstance(v, dict | list)]
    assume(paths)
    path = data.draw(st.sampled_from(paths))
    start, end = scan(text).values[path]
    assert set_in(text, path, "new = [") == f'{text[:start]}"new = ["{text[end:]}'


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(documents(), st.data())
def test_what_is_added_and_taken_out_again_leaves_the_text_as_it_was(text: str, data: st.DataObject) -> None:
    text = text.replace("\r\n", "\n")
    tables = [path for path in _tables(tomllib.loads(text)) if _editable(path)]
    assume(tables)
    path = (*data.draw(st.sampled_from(tables)), data.draw(st.sampled_from(["added", "ad ded", "a.d"])))
    if data.draw(st.booleans()):
        added = set_in(text, path, "x")
    else:
        added = add_table_in(text, path, {"x": 1, "deep": {"y": True}})
    assert len(added) > len(text)
    # A table that was only implied may have got a header of its own, and empty lines set tables apart.
    (header,) = _filled(f"[{'.'.join(tomlkit.key(str(part)).as_string() for part in path[:-1])}]")
    left, before = _filled(remove_in(added, path)), _filled(text)
    assert [line for line in left if line != header or line in before] == before


def _filled(text: str) -> list[str]:
    """The lines without their blanks, and without those that hold nothing else."""
    return [bare for line in text.splitlines() if (bare := "".join(line.split()))]


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(documents(), st.data())
def test_what_is_taken_out_is_gone_and_nothing_else(text: str, data: st.DataObject) -> None:
    text = text.replace("\r\n", "\n")
    paths = [p for p, _ in _leaves(tomllib.loads(text)) if _editable(p)]
    assume(paths)
    path = data.draw(st.sampled_from(paths))
    left = remove_in(text, path)  # compares the data itself, and raises if anything else changed
    assert len(left) < len(text)


def test_a_text_that_looks_like_an_explanation_stays() -> None:
    assert remove_in('k = { p = """\n# """ }\n[t3]\na = 1\n', ("t3",)) == 'k = { p = """\n# """ }\n'


def test_lines_and_columns_count_from_one() -> None:
    keys = scan("# top\n\n[a]\nb = 1\n  c.d = { e = [1,\n\n   22] }\n")
    found = {path: (keys.find(path).line, keys.find(path).column) for path in keys.keys}
    assert found[("a",)] == (3, 1)
    assert found["a", "b"] == (4, 1)
    assert found["a", "c", "d"] == (5, 3)
    assert found["a", "c", "d", "e"] == (5, 11)
    assert found["a", "c", "d", "e", 1] == (7, 4)


def test_what_is_not_written_is_found_at_the_table_around_it() -> None:
    keys = scan("\n[a.b]\nc = 1\n")
    assert keys.find(("a", "b", "missing")).line == 2
    assert keys.find(("elsewhere",)).line == 1


def test_the_header_of_a_table_counts_more_than_one_that_implies_it() -> None:
    keys = scan("[a.b]\nx = 1\n[a]\ny = 1\n")
    assert keys.find(("a",)).line == 3


def test_tomlkit_agrees_on_where_strings_with_many_quotes_end() -> None:
    text = 'a = \'\'\'x\'\'\'\'\'\nb = """""y\\""""""\nc = 1\n'
    assert set(tomlkit.parse(text)) == {"a", "b", "c"}
    assert scan(text).find(("c",)).line == 3
