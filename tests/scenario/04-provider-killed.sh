#!/bin/bash
# Goal: the provider dies (-9) in the middle of streams. Clients get an error, never [DONE]; what
# was delivered is billed; when it is back, so is the service.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import threading, time
import rig
from rig import case, equal, fresh, sql, wait_until


@case
def provider_killed_mid_stream():
    key = rig.new_key()
    wrong, delivered = [], {}

    def one(i):
        c = rig.Client(key=key["key"])
        try:
            a = c.chat("tokens=2000,cadence_us=5000", stream=True)
            if a.status != 200 or not a.clean or b'"error"' not in a.body or b"[DONE]" in a.body:
                wrong.append(a)
            delivered[a.header("x-request-id")] = len(a.text()) // 4  # a token is a word of 4 bytes
        finally:
            c.close()
    threads = [threading.Thread(target=one, args=(i,)) for i in range(10)]
    for t in threads:
        t.start()
    time.sleep(1)
    rig.kill9("mock")
    try:
        for t in threads:
            t.join(30)
        equal(wrong, [], "streams that did not end with an error event")
        wait_until(lambda: len(rig.usage_rows(key)) == 10, 10, "billed")
        billed = {r[0].replace("-", ""): int(r[1]) for r in sql(
            f"select request_id, tokens_completion from usage join api_key k using (key_id) where k.name = '{key['name']}'")}
        equal(billed, delivered, "tokens billed, tokens the client got")
        if not 10 < min(delivered.values()):
            raise AssertionError(f"{delivered}: hardly anything ran when it died")
        a = rig.chat(key=key["key"])
        equal((a.status, a.error()["code"]), (502, "provider_error"))
    finally:
        rig.start("mock")
    wait_until(lambda: rig.chat(key=key["key"]).status == 200, 40, "served again")
    equal(rig.violations(), [])


rig.main()
PY
