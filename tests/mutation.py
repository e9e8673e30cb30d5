"""Mutation testing of the modules where a bug hides best, with cosmic-ray.

    pip install -e '.[test,mutation]' && python -m tests.mutation [--jobs 2] [MODULE ...]

In a copy of the tree one thing at a time is changed, and then a test has to fail. What nobody could
notice is explained below, by what is changed; annotations are left out, as nothing reads them. Ends
with 1 where a survivor is explained by nothing, or an explanation explains none.
"""

from __future__ import annotations

import argparse
import ast
import collections
import concurrent.futures
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parents[1]
PACKAGE = "aiohttp_cors_plugin"
SECONDS = 120.0  # for the tests of one mutant

# The tests of each module, those first that find most; of a file that takes long, a part.
MODULES: Final = {
    "_origins": "origins refusals options bypasses matching attachments"
    " dynamic::test_a_swap_drops_a_long_list_in_small_steps",
    "_policy": "policy stamping preflights reports explain enumeration",
    "_routing": "routing memory preflights requests overrides stamping plugin enumeration",
}

# By a regular expression for the change, `old -> new`: why nobody could notice it.
_SIZE: Final = "how much is remembered or shown is a matter of taste, within a wide range"
_IDENTITY: Final = "nothing else is equal to it"
EXPLAINED: Final[dict[str, dict[str, str]]] = {
    "_origins": {
        r"range\(expected // _PIECE \+ 1\)|expected: int = |^_PIECE|^LONGEST_ORIGIN": _SIZE,
        r"maxsplit=": "what comes first is the same, however often the rest is split",
        r"range\(0, 3[12], 4\)": "the last begins at 28",
        r"hashes\[ ?-1\] if len\(hashes\) == 1": "of one the first is the last",
        r"^ *@overload": "read by type checkers alone",
        r"^DEFAULT_PORTS": "what no page comes from has a port here to be refused, whichever",
        r'"0" if g == "0" .*g <= "0"': "no digit is below '0'",
        r'rest\.count\("/"\) == 1.*<= 1': "what ends with a slash has one",
        r"% _PIECE == 0: -> .*% _PIECE <= 0": "a remainder is not negative",
        r"text != text\.lower\(\): -> .*<": "capitals sort before small letters",
        r"text != text\.strip\(\): -> .* is not": "what has no white space is returned as it is",
        r'first\.count\("\*"\) > 1: -> .*!= 1': "one is always there, or more",
        r'first != "\*" and .*first > "\*"': "no character of a label sorts before '*'",
        r"len\((text|value)\) <= 253 and ": "a shorter way to what the longer one says too",
        r'replace\("\*", "x", 1\)': "there is but one",
        r'not host\.startswith\("\["\) (and|or) not': "no wildcard ends as an address does",
    },
    "_policy": {
        r"^if TYPE_CHECKING": "names for annotations alone, which nothing reads",
        r"^_(LEAST|MOST)_REMEMBERED|^_repr\.|lru_cache\(maxsize=256\).*-> .*lru_cache": _SIZE,
        r"^ *@functools\.lru_cache.* -> $": "remembering changes the time alone",
        r"setdefault\(_VARY, .* is not": "what is equal needs nothing added, be it the same or not",
        r"len\(lines\) == 1 .*len\(lines\) <= 1": "there is no header without a line",
        r"lines\[ ?-1\] if len\(lines\) == 1": "of one line the first is the last",
        r"^\*, -> /,$": "whoever calls it names what is given",
        r"len\(origin\) <= LONGEST_ORIGIN|len\(self\._known\) > self": _SIZE,
        r"self\.rules\[0\].*self\.rules\[ ?-1\]": "a rule for any origin is the last",
    },
    "_routing": {
        r"METH_ANY and .* -> if route\.method <= ": "no method that is served sorts before '*'",
        r'part == "/": -> if part <= "/"': "a path begins with '/'",
        r"len\(bare\.apps\) > 1: -> ": "one application is always there, and more is but asked",
        r"(asks|type\(handler\)) is .* == |known is route .*known == route": _IDENTITY,
        r"is not self\.app\b.*!= self\.app": _IDENTITY,
        r"request\[_PASSED\] = ": "the key is looked for, not its value",
    },
}


def annotations(source: str) -> set[tuple[int, int]]:
    """The places, line and column, that are inside of an annotation."""
    found: set[tuple[int, int]] = set()
    for node in ast.walk(ast.parse(source)):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(part, ast.expr):
                start, end = part.col_offset, part.end_col_offset or 0
                found |= {(part.lineno, column) for column in range(start, end)}
    return found


def mutations(module: str) -> list[Any]:
    """What cosmic-ray would change in a module."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import WorkDB, use_db

    path = Path(PACKAGE) / f"{module}.py"
    left_out = annotations((ROOT / path).read_text())
    with (
        tempfile.TemporaryDirectory() as folder,
        use_db(f"{folder}/work.sqlite", WorkDB.Mode.create) as work,
    ):
        init([path], work, {})
        specs = [item.mutations[0] for item in work.work_items]
    return [spec for spec in specs if tuple(spec.start_pos) not in left_out]


def begin(folder: str) -> None:
    """Give a process a copy of the tree, and stay in it."""
    copy = Path(folder) / str(os.getpid())
    for name in (PACKAGE, "tests"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("pyproject.toml", "setup.cfg", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy / name)
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)


def survives(module: str, mutation: Any) -> str | None:
    """How a mutant reads that no test notices, `old -> new`; else None."""
    from cosmic_ray.mutating import mutate_and_test

    names = (name.partition("::") for name in MODULES[module].split())
    files = (f"tests/test_{name}.py{mark}{test}" for name, mark, test in names)
    options = "-m pytest -q -x -p no:cacheprovider --no-header --tb=no"
    result = mutate_and_test([mutation], f"{sys.executable} {options} {' '.join(files)}", SECONDS)
    if result.test_outcome == "killed":
        return None
    changes = re.findall(r"^([-+])(?!\1\1 )(.*)$", result.diff or result.output or "", re.MULTILINE)
    old, new = (" ".join(text.strip() for sign, text in changes if sign == s) for s in "-+")
    return f"{old} -> {new}"


def run(module: str, jobs: int) -> Iterator[str]:
    """Try all mutants of a module; what is wrong."""
    counted, explained = collections.Counter[str](), collections.Counter[str]()
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ProcessPoolExecutor(jobs, initializer=begin, initargs=(folder,)) as pool,
    ):
        os.chdir(ROOT)
        specs = mutations(module)
        for change in pool.map(survives, [module] * len(specs), specs):
            if change is None:
                counted["killed"] += 1
                continue
            reason = next((r for r in EXPLAINED[module] if re.search(r, change)), None)
            if reason is None:
                counted["unexplained"] += 1
                yield f"{module}: no test notices {change}"
            else:
                counted["explained"] += 1
                explained[reason] += 1
    yield from (
        f"{module}: nothing is explained by {reason!r}"
        for reason in EXPLAINED[module]
        if not explained[reason]
    )
    print(f"{module}: {len(specs)} mutants, {dict(counted)}", flush=True)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args(argv)
    problems = 0
    for module in given.modules or MODULES:
        for problem in run(module, given.jobs):
            print(problem, flush=True)
            problems += 1
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
