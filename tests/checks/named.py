"""The tests that pages name, and whether they are there and have run. A page names a test as
`tests/DIRECTORY/FILE:CASE`, where CASE is what the test prints after "ok " (for Python and shell the name of its
function, which it prints after the name of its file), or `tests/DIRECTORY/FILE:CASE/ROW` for one row of that case's
table, or as a file or directory without a case. The threat model's table may leave the directory out."""

import glob
import os
import re

# Programs that are not run under the name of their file.
RUN_AS = {"tests/e2e/python/sdk.py": ("tests/e2e/sdk-python", None), "tests/e2e/node/sdk.mjs": ("tests/e2e/sdk-node", None),
          "tests/interop/log": ("tests/e2e/log.py", "log_go_sumdb_agrees"), "tests/attacks": ("tests/attacks/run", None),
          **{f"tests/image/{f}": ("tests/image/run", None) for f in ("boot.py", "refuse.py", "commands.py", "aml_guard")},
          **{f: ("tests/console/unit/run", None) for f in glob.glob("tests/console/unit/*.test.mjs")},
          "tests/interop": ("tests/interop/run", None), "tests/interop/run": ("tests/interop/run", None)}


def rows_of(page, columns, first=""):
    """The cells of each row of a page's tables with so many columns, headings and rulers left out; their line."""
    out = []
    with open(page) as f:
        lines = f.read().splitlines()
    for i, line in enumerate(lines):
        if not line.startswith("|") or re.fullmatch(r"[|\s:-]+", line):
            continue
        if i + 1 < len(lines) and re.fullmatch(r"\|[|\s:-]+\|", lines[i + 1]):
            continue  # a heading
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if re.match(first, cells[0]):
            out.append((i + 1, cells, len(cells) == columns))
    return out


def references(cell):
    """(path, case, row) of each test named in a cell."""
    out = []
    for word in re.findall(r"`([^`]+)`", cell):
        m = re.fullmatch(r"(tests/[\w./-]*[\w-])/?(?::([^`]+))?", word)
        bare = re.fullmatch(r"(?:test_\w+\.c|\d\d-[\w-]+\.sh)", word)
        if m:
            case, _, row = (m.group(2) or "").partition("/")
            out.append((m.group(1), case or None, row or None))
        elif bare:
            out.append((("tests/unit/" if word.startswith("test_") else "tests/scenario/") + word, None, None))
    return out


def missing(path, case, row):
    """What of a named test is not there, in words; None when all of it is."""
    if not os.path.exists(path):
        return f"there is no {path}"
    if case is None:
        return None
    if os.path.isdir(path):
        return f"{path} is a directory: it has no case {case}"
    with open(path) as f:
        text = f.read()
    word = re.escape(case)
    # In C a case is a row of the table of cases; in Python a function under @case; elsewhere a word.
    pattern = {".c": r'\{\s*"' + word + r'"\s*,\s*\w+\s*\}',
               ".py": r"@(?:(?:rig\.)?case|beside)\s+def " + word + r"\(|[\"']" + word + r"[\"']",
               ".sh": r"@case\s+def " + word + r"\(|(?<!\w)" + word + r"(?!\w)"}.get(
                   os.path.splitext(path)[1], r"(?<!\w)" + word + r"(?!\w)")
    if not re.search(pattern, text):
        return f"{path} has no case {case}"
    if row is not None and f'"{row}"' not in text:
        return f"{path} has no row {row}"
    return None


def results_read(path):
    """(status, program, name) as tests/run wrote them."""
    with open(path, errors="replace") as f:
        return [tuple(line.rstrip("\n").split("\t")) for line in f if line.count("\t") == 2]


def outcome(results, path, case):
    """How a named test went in that run: ok, skip, not_ok, or None when it did not run at all."""
    stem = os.path.splitext(os.path.basename(path))[0]
    program, only = RUN_AS.get(path, (path, None))
    names = None if case is None else {case, f"{stem}_{case}".replace("-", "_"), "attack_" + case, "image_" + case}
    if only is not None:
        names = {only}
    if path.startswith("tests/fuzz/"):
        program, names = "tests/fuzz/run-all", {stem}
    elif path.startswith("tests/attacks/") and path.endswith(".py"):
        program = "tests/attacks/run"
    said = set()
    for status, ran, name in results:
        if path.startswith("tests/unit/"):
            ours = os.path.basename(ran) == stem
        else:
            ours = ran == program
        if program == "tests/attacks/run" and path.endswith(".py"):
            ours = ours and name.startswith("attack_" + stem)
        if ours and (names is None or name in names):
            said.add(status)
    for status in ("not_ok", "ok", "skip"):
        if status in said:
            return status
    return None
