#!/usr/bin/env python3
"""Every case that boots the image, in one process. TR_IMAGE_SKIP: why this machine can boot none; all are skipped then."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../lib")]
WHY = os.environ.get("TR_IMAGE_SKIP")
if WHY:
    os.environ.setdefault("TR_RUN_DIR", "/nonexistent")
import rig
import boot  # noqa: F401  the cases, in the order in which they report
import refuse  # noqa: F401


def main():
    if WHY:
        rig.skip_all_but([], WHY)
    rig.main()


if __name__ == "__main__":
    main()
