#!/usr/bin/env python3
"""What tests/console/sign.mjs signs in at: a control plane with the console, providers of identities and a mail server of its
own (tests/lib/sign_in_plane.py). Prints what the test must know as one line of JSON; ends when its standard input does."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
from rig import ROOT, free_port  # noqa: E402
from sign_in_plane import SignInPlane  # noqa: E402

plane = SignInPlane(f"console_dir = {ROOT}/build/web\nconsole_dataplanes = https://localhost:{free_port()}\n", mail="smtps",
                    host="localhost")
try:
    plane.start()
    plane.start_issuers()
    plane.start_mail()
    print(json.dumps({"origin": plane.origin, "ca": os.path.join(plane.dir, "state/ca.pem"), "real": plane.real,
                      "odd": plane.odd, "conninfo": plane.conninfo, "mail": plane.mail_dir, "dir": plane.dir}), flush=True)
    sys.stdin.read()
finally:
    plane.close()
