"""An SMTP server (PyPI aiosmtpd) for tests/e2e/recovery.py: TLS from the first byte or by STARTTLS, which it insists on, and a
password. What it takes becomes one file each."""

import itertools
import json
import os
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

kind, port, cert, key, where, password_file = sys.argv[1:]
with open(password_file) as f:
    password = f.read().strip().encode()
count = itertools.count()


class Handler:
    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("bounce"):
            return "550 no such mailbox"
        with open(f"{where}/{next(count):04}.part", "w") as out:
            json.dump({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None or kind == "smtps",
                       "login": session.auth_data.decode() if session.auth_data else None,
                       "text": envelope.content.decode()}, out)
        os.rename(out.name, out.name.replace(".part", ".json"))
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    right = data.login == b"router" and data.password == password
    return AuthResult(success=right, auth_data=data.login)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)
common = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": kind != "smtps"}


class StartTls(Controller):
    def factory(self):
        return SMTP(self.handler, tls_context=context, require_starttls=True, **common)


class Plain(Controller):
    def factory(self):
        return SMTP(self.handler, **common)


server = (StartTls(Handler(), hostname="127.0.0.1", port=int(port)) if kind == "starttls" else
          Plain(Handler(), hostname="127.0.0.1", port=int(port), ssl_context=context))
server.start()
print("ready", flush=True)
while True:
    time.sleep(60)
