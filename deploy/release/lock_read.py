"""The lock of packages (deploy/image/lock): GROUP NAME VERSION ARCH SIZE SHA256 URL, one per line."""

import collections
import re
import sys
import urllib.parse

Package = collections.namedtuple("Package", "group name version arch size sha256 url")


def read(path):
    packages = []
    with open(path, encoding="ascii") as f:
        for number, line in enumerate(f, 1):
            if line.strip() == "" or line.startswith("#"):
                continue
            words = line.split()
            if len(words) != 7 or not re.fullmatch("[0-9a-f]{64}", words[5]) or not words[4].isdigit():
                sys.exit(f"{path}: line {number} is no package")
            packages.append(Package(*words))
    if not packages:
        sys.exit(f"{path} has no package")
    return sorted(packages)


def purl(p):
    """A package URL, as SPDX and in-toto tools know Debian's packages by."""
    version = urllib.parse.quote(p.version, safe="~.+-")
    return f"pkg:deb/debian/{urllib.parse.quote(p.name, safe='+.-')}@{version}?arch={p.arch}"
