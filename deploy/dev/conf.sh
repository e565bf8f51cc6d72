# The steps of up that write files and create the account. Sourced by up, after lib.sh.

# Loopback ports of this stack's own; an earlier choice is kept when it still can be, so that a client that
# was configured once goes on working after down and up.
choose_ports() {
    local more=
    ! guest_on || more=demo_a_tls
    # shellcheck disable=SC2086
    python3 "$ROOT/deploy/dev/ports.py" "$RUN/ports" demo_a demo_b rest link api metrics control_metrics $more
}

# demo-b is reached over TLS, so that the demonstration exercises a verified upstream too.
make_certificates() {
    [ -f "$RUN/conf/mock-ca.pem" ] && return
    (
        cd "$RUN/conf"
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
            -subj "/CN=demo provider CA" -keyout mock-ca.key -out mock-ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
            -keyout mock.key -out mock.csr
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:10.0.2.2\nbasicConstraints=CA:FALSE\n' >mock.ext
        openssl x509 -req -in mock.csr -CA mock-ca.pem -CAkey mock-ca.key -CAcreateserial \
            -days 3650 -extfile mock.ext -out mock.pem
        rm -f mock.csr mock.ext mock-ca.key
    ) >>"$RUN/log/up.log" 2>&1 || die "openssl failed; see $RUN/log/up.log"
}

provider() { # ID HOST PORT TLS PATH CA QUIRKS NAME
    printf '\n[provider %s]\nname = %s\nhost = %s\nport = %s\ntls = %s\npath = %s\n' \
        "$1" "$8" "$2" "$3" "$4" "$5"
    [ -n "$6" ] && printf 'ca = %s\n' "$6"
    [ -n "$7" ] && printf 'quirks = %s\n' "$7"
    return 0
}

model() { # ID NAME CONTEXT MAX_OUTPUT CREATED CAPABILITIES
    printf '\n[model %s]\nname = %s\ncontext_length = %s\nmax_output = %s\ncreated = %s\n' "${@:1:5}"
    printf 'capabilities = %s\n' "$6"
}

call() { # ID KIND CONTEXT UPSTREAM PRICE LINES...: a model of one question and one answer, at demo-a, or else demo-b
    local p id=$1 kind=$2 context=$3 upstream=$4
    shift 4
    printf '\n[model %s]\nname = Demo: %s\nkind = %s\ncreated = %s\n' "$id" "${id#demo/}" "$kind" "$DEMO_CREATED"
    [ "$context" = 0 ] || printf 'context_length = %s\n' "$context"
    for p in "demo-a 60000" "demo-b 1"; do
        printf '\n[endpoint %s@%s]\nupstream_model = %s\nweight = %s\n' "$id" "${p% *}" "$upstream" "${p#* }"
        printf '%s\n' "$@"
    done
}

calls() {
    call demo/image images 0 up-image "prompt = 0" "completion = 0" "per_image = 0.04"
    call demo/image-tokens images 0 up-image-tokens "prompt = 5" "completion = 40" "image_input = 10"
    call demo/speech speech 4096 up-speech "prompt = 0" "completion = 0" "per_character = 0.000015"
    call demo/speech-tokens speech 4096 up-speech-tokens "prompt = 0.6" "completion = 12"
    call demo/transcribe transcription 0 up-transcribe "prompt = 0" "completion = 0" "per_second = 0.0001"
    call demo/transcribe-tokens transcription 16000 up-transcribe-tokens "prompt = 2.5" "completion = 10" "audio_input = 6"
    call demo/moderate moderation 8192 up-moderate "prompt = 0" "completion = 0" "per_request = 0.0001"
    call demo/rank rerank 8192 up-rank "prompt = 0" "completion = 0" "per_query = 0.002"
}

# What add-provider has added: KIND is provider, catalog or key.
added() { # KIND
    local file
    for file in "$RUN/conf/added/"*."$1"; do
        [ ! -f "$file" ] || cat "$file"
    done
}

# A name that stands for models; the ids of a real catalog's aliases, so that a client's configuration can be tried.
alias_of() { # ID MODELS WANTS SORT LISTED
    printf '\n[alias %s]\nmodels = %s\n' "$1" "$2"
    [ -n "$3" ] && printf 'wants = %s\n' "$3"
    [ -n "$4" ] && printf 'sort = %s\n' "$4"
    [ -n "${5:-}" ] && printf 'listed = %s\n' "$5"
    return 0
}

endpoint() { # MODEL PROVIDER UPSTREAM PROMPT COMPLETION CACHED (dollars per million tokens)
    printf '\n[endpoint %s@%s]\nupstream_model = %s\nprompt = %s\ncompletion = %s\ncached = %s\n' \
        "$1" "$2" "$3" "$4" "$5" "$6"
}

# What the demo providers may be sent beside the router's list: their commands (mock), and what tests of
# byte fidelity send. They charge nothing by a member.
DEMO_MEMBERS="mock x_unknown y modalities audio"
DEMO_CREATED=1704067200 # 2024-01-01

demo_row() {
    echo "members = $DEMO_MEMBERS"
    echo "retains_data = off"
    echo "trains = off"
    echo "first_byte_ms = ${TR_DEMO_FIRST_BYTE_MS:-20000}"
    echo "idle_ms = ${TR_DEMO_IDLE_MS:-120000}"
    echo "total_ms = ${TR_DEMO_TOTAL_MS:-1800000}"
    echo "whole_ms = ${TR_DEMO_WHOLE_MS:-600000}"
}

demo_provider_rows() {
    provider demo-a 127.0.0.1 "$(port demo_a)" off /v1 "" fills_middle "Demo A"
    demo_row
    provider demo-b localhost "$(port demo_b)" on /v1 "$RUN/conf/mock-ca.pem" "" "Demo B, over TLS"
    demo_row
}

write_providers() {
    echo "# Where prompts may go: measured into the data plane's evidence. Written by deploy/dev/up."
    if guest_on; then guest_provider_rows; else demo_provider_rows; fi
    "$ROOT/deploy/dev/enabled" providers
    added provider
}

# demo_aliases REAL: names that stand for the demo models, where the catalog of real ones has no such names.
demo_aliases() {
    local id models wants sort listed
    while IFS='|' read -r id models wants sort listed; do
        grep -qxF "[alias $id]" <<<"$1" || alias_of "$id" "$models" "$wants" "$sort" "$listed"
    done <<'END'
trustedrouter/auto|demo/echo demo/dear||
trustedrouter/cheap|demo/dear demo/echo||price
trustedrouter/zdr|demo/echo|no_retention|
trustedrouter/e2e|demo/echo|confidential|
trustedrouter/free|demo/echo|free|
trustedrouter/eu|demo/echo|eu|
trustedrouter/us|demo/echo|us|
~demo/latest|demo/only-a demo/echo||
trustedrouter/iris|trustedrouter/iris-1.0|||on
trustedrouter/iris-code|trustedrouter/iris-code-1.0|||on
trustedrouter/prometheus|trustedrouter/prometheus-1.0|||on
trustedrouter/prometheus-code|trustedrouter/prometheus-code-1.0|||on
trustedrouter/zeus|trustedrouter/zeus-1.0|||on
trustedrouter/zeus-code|trustedrouter/zeus-code-1.0|||on
END
}

# demo_synths REAL: a panel of three demo models under the ids of the real catalog's orchestrations, where that has none of them.
demo_synths() {
    local id name fields
    while IFS='|' read -r id name fields; do
        grep -qxF "[synth trustedrouter/$id]" <<<"$1" && continue
        printf '\n[synth trustedrouter/%s]\nname = %s\n' "$id" "$name"
        printf 'description = Demo: three models answer, a judge compares, one writes.\n'
        printf 'panel = demo/short demo/long demo/doubt\njudges = demo/echo demo/only-a\nfinals = demo/echo demo/only-a\n'
        printf 'context_length = 1048576\ncapabilities = tools images json_schema reasoning\ncreated = %s\n' "$DEMO_CREATED"
        tr ';' '\n' <<<"$fields"
    done <<'END'
synth|Synth|generic = on
synth-code|Synth Code|generic = on;code = on
iris-1.0|Iris 1.0|preset = budget
iris-code-1.0|Iris Code 1.0|preset = budget;code = on
prometheus-1.0|Prometheus 1.0|preset = quality
prometheus-code-1.0|Prometheus Code 1.0|preset = quality;code = on
zeus-1.0|Zeus 1.0|preset = frontier
zeus-code-1.0|Zeus Code 1.0|preset = frontier;code = on
END
}

write_catalog() {
    local real id
    echo "# Models, endpoints and prices (dollars per million tokens). Written by deploy/dev/up."
    model demo/echo "Demo: repeats your message" 1048576 65536 $DEMO_CREATED "tools images json_schema reasoning"
    model demo/dear "Demo, dearer" 1048576 65536 $DEMO_CREATED "tools images json_schema reasoning"
    model demo/only-a "Demo, one provider" 1048576 65536 $DEMO_CREATED "tools images json_schema reasoning"
    echo "fallbacks = demo/embed demo/dear"
    model demo/embed "Demo: embeddings" 8192 1 $DEMO_CREATED "embeddings"
    for id in short long doubt; do
        model "demo/$id" "Demo, with other words: $id" 1048576 65536 $DEMO_CREATED "tools images json_schema reasoning"
        endpoint "demo/$id" demo-a "up-$id" 0.5 1.5 0.05
    done
    calls
    # demo-a is the cheaper one and comes first by the weighting of inverse square prices, mostly; the
    # weights make it practically always first, so that tests can tell who will be asked.
    endpoint demo/echo demo-a up-echo 0.5 1.5 0.05
    echo "weight = 60000"
    endpoint demo/echo demo-b up-echo 0.5 1.5 0.05
    echo "weight = 1"
    endpoint demo/dear demo-a up-dear 100 300 10
    echo "weight = 60000"
    echo "quantization = fp8"
    endpoint demo/dear demo-b up-dear 100 300 10
    echo "weight = 1"
    endpoint demo/only-a demo-a up-only 0.5 1.5 0.05
    endpoint demo/embed demo-a up-embed 0.02 0 0.02
    echo "weight = 60000"
    endpoint demo/embed demo-b up-embed 0.02 0 0.02
    echo "weight = 1"
    real=$("$ROOT/deploy/dev/enabled" catalog)
    demo_aliases "$real"
    demo_synths "$real"
    [ -z "$real" ] || printf '%s\n' "$real"
    added catalog
}

write_keys() {
    echo "demo-a = mock-provider-key-a"
    echo "demo-b = mock-provider-key-b"
    "$ROOT/deploy/dev/enabled" keys
    added key
}

write_conf() {
    umask 077
    if guest_on; then
        write_providers | guest_paths >"$RUN/conf/providers.conf"
    else
        write_providers >"$RUN/conf/providers.conf"
    fi
    write_catalog >"$RUN/conf/catalog.conf"
    write_keys >"$RUN/conf/provider-keys.conf"
    cat >"$RUN/conf/controlplane.conf" <<CONF
# Written by deploy/dev/up.
database = $(db_url)
sql_dir = $ROOT/sql
rest_host = 127.0.0.1
rest_port = $(port rest)
link_host = 127.0.0.1
link_port = $(port link)
metrics_port = $(port control_metrics)
state_dir = $RUN/state
providers = $RUN/conf/providers.conf
provider_keys = $RUN/conf/provider-keys.conf
catalog = $RUN/conf/catalog.conf
attestation = $RUN/conf/attestation.conf
dataplane_names = localhost,127.0.0.1
lease_ms = ${TR_LEASE_MS:-75000}
reclaim_grace_ms = ${TR_RECLAIM_GRACE_MS:-30000}
$(console_conf)
CONF
}

simulated_measurement() {
    "$(measured_program)" -c "$RUN/conf/dataplane.conf" --print-measurement
}

# The simulated machine, the pin of the control plane, and the one measurement that may connect. The
# measurement is that of this very program and these very providers: another build is another one.
prepare_trust() {
    local spki measurement
    if [ ! -f "$RUN/platform/ark.pem" ]; then
        "$BIN/tr-dataplane-sim" --make-platform "$RUN/platform" >>"$RUN/log/up.log" 2>&1 ||
            die "the simulated platform could not be made; see $RUN/log/up.log"
    fi
    spki=$("$BIN/tr-controlplane" -c "$RUN/conf/controlplane.conf" --print-link-spki) ||
        die "tr-controlplane --print-link-spki failed"
    cat >"$RUN/conf/dataplane.conf" <<CONF
# Written by deploy/dev/up.
listen_host = 127.0.0.1
listen_port = $(port api)
metrics_host = 127.0.0.1
metrics_port = $(port metrics)
workers = ${TR_WORKERS:-0}
region = ${TR_REGION:-local}
eu_base_url = ${TR_EU_BASE_URL:-https://eu.router.example/v1}
receipts_max = ${TR_RECEIPTS_MAX:-65536}
control_host = 127.0.0.1
place = dev
control_port = $(port link)
control_spki = $spki
providers = $RUN/conf/providers.conf
audience = localhost
cert_names = localhost,127.0.0.1
platform_dir = $RUN/platform
CONF
    if guest_on; then
        write_guest_conf
        make_guest_image
    fi
    measurement=$(simulated_measurement) || die "tr-dataplane-sim --print-measurement failed"
    cat >"$RUN/conf/attestation.conf" <<CONF
# Who may be a data plane of this control plane. Written by deploy/dev/up: SIMULATED evidence, under
# the root of the simulated machine in $RUN/platform.
audience = localhost
roots = none
allow_simulated = on
products = genoa
guest_allow = smt

[floor genoa]
bootloader = 7
snp = 27
microcode = 86

[root simulated]
file = $RUN/platform/ark.pem

[measurement this-build]
sha384 = $measurement
CONF
}

# --- the account

rest() { # METHOD PATH KEY [BODY]: the control plane's answer
    curl -sS --fail-with-body --cacert "$RUN/state/ca.pem" -X "$1" \
        "https://127.0.0.1:$(port rest)$2" -H "Authorization: Bearer $3" \
        -H 'content-type: application/json' ${4:+--data-binary "$4"}
}

json_field() { # NAME: a text member of the JSON on stdin, wherever it is
    python3 -c 'import json, sys
def find(v):
    if isinstance(v, dict):
        if isinstance(v.get(sys.argv[1]), str):
            return v[sys.argv[1]]
        v = list(v.values())
    for x in v if isinstance(v, list) else []:
        got = find(x)
        if got:
            return got
print(find(json.load(sys.stdin)) or "")' "$1"
}

# The management key is printed once, by --bootstrap, and kept in ./run/keys for the next up.
make_account() {
    local answer
    umask 077
    MANAGEMENT_KEY=$(kept management || true)
    API_KEY=$(kept api || true)
    if [ -n "$MANAGEMENT_KEY" ] && [ -n "$API_KEY" ] &&
        rest GET /v1/credits "$MANAGEMENT_KEY" >/dev/null 2>&1 &&
        rest GET /v1/key "$API_KEY" >/dev/null 2>&1; then
        return
    fi
    MANAGEMENT_KEY=$("$BIN/tr-controlplane" -c "$RUN/conf/controlplane.conf" --bootstrap |
        grep -o 'sk-tr-m1-[A-Za-z0-9_-]*' | head -n 1) || true
    [ -n "$MANAGEMENT_KEY" ] || die "tr-controlplane --bootstrap gave no management key"
    rest POST /v1/credits/topup "$MANAGEMENT_KEY" \
        "{\"amount\": ${TR_DEMO_CREDIT:-100}, \"idempotency_key\": \"up-$(date +%s%N)\"}" \
        >>"$RUN/log/up.log" || die "the top-up failed; see $RUN/log/up.log"
    answer=$(rest POST /v1/keys "$MANAGEMENT_KEY" '{"name": "demo"}') || die "no API key: $answer"
    API_KEY=$(json_field key <<<"$answer")
    [ -n "$API_KEY" ] || die "no API key in the answer of POST /v1/keys"
    printf 'management=%s\napi=%s\n' "$MANAGEMENT_KEY" "$API_KEY" >"$RUN/keys"
}

release_key() { # by which releases are signed; made at first
    local key=$RUN/conf/release-key.pem
    [ -f "$key" ] || "$ROOT/deploy/release/sign" --new-key "$key" >/dev/null
    "$ROOT/deploy/release/sign" --public "$key"
}

# The release of this build, signed by a key that lives here and proves nothing either, and its entry in
# the log. Kept while it still names this build. The data plane is not bound to it (dataplane.conf,
# release): scenarios change what it is.
write_release() {
    local file=$RUN/conf/release.json key=$RUN/conf/release-key.pem measurement
    measurement=$(simulated_measurement)
    RELEASE_KEY=$(release_key)
    if [ ! -f "$file.minisig" ] || ! "$BIN/tr-verify" release "$file" --key "$RELEASE_KEY" \
        --measurement "$measurement" >/dev/null 2>&1; then
        "$ROOT/deploy/release/make" --version "$("$BIN/tr-controlplane" --version | cut -d' ' -f2)" --svn 1 \
            --days 90 --providers "$RUN/conf/providers.conf" --catalog "$RUN/conf/catalog.conf" \
            --policy "$RUN/conf/attestation.conf" --digest "dataplane=$(measured_program)" \
            --commit "$(git -C "$ROOT" rev-parse HEAD 2>/dev/null || printf '0%.0s' {1..40})" \
            --simulated "$measurement" --out "$file"
        "$ROOT/deploy/release/sign" "$key" "$file"
    fi
    write_evidence
}

make_release() {
    local file=$RUN/conf/release.json kept
    # All that were ever signed here, for tr-verify log --releases: boots of earlier builds are in the log.
    mkdir -p "$RUN/releases"
    kept=$RUN/releases/$(sha256sum "$file" | cut -c1-16).json
    cp "$file" "$kept"
    cp "$file.minisig" "$kept.minisig"
    rest POST /v1/releases "$MANAGEMENT_KEY" "@$file" >>"$RUN/log/up.log" ||
        die "the release could not be logged; see $RUN/log/up.log"
    LOG_KEY=$(rest GET /attestation/transparency/head "$MANAGEMENT_KEY" | json_field verifier_key)
}

write_env() {
    umask 077
    cat >"$RUN/env.new" <<ENV
export TR_RUN_DIR='$RUN'
export TR_BIN='$BIN'
export TR_BASE_URL='https://localhost:$(port api)/v1'
export TR_CA='$RUN/state/ca.pem'
export TR_API_KEY='$API_KEY'
export TR_CONTROL_URL='https://localhost:$(port rest)'
export TR_CONTROL_CA='$RUN/state/ca.pem'
export TR_MANAGEMENT_KEY='$MANAGEMENT_KEY'
export TR_DATABASE_URL='$(db_url)'
export TR_DATAPLANE_PID='$(pid_of dataplane)'
export TR_CONTROLPLANE_PID='$(pid_of controlplane)'
export TR_LOG_KEY='$LOG_KEY'
export TR_RELEASE='$RUN/conf/release.json'
export TR_RELEASE_KEY='$RELEASE_KEY'
export TR_RELEASES='$RUN/releases'
export TR_MOCK_URL='http://127.0.0.1:$(port demo_a)'
export TR_METRICS_URL='http://127.0.0.1:$(port metrics)/metrics'
export TR_CONTROL_METRICS_URL='http://127.0.0.1:$(port control_metrics)/metrics'
$(console_env)
ENV
    mv "$RUN/env.new" "$RUN/env"
}

banner() {
    local url="https://localhost:$(port api)/v1" real
    real=$(sed -n 's/^\([a-z0-9-]*\) = .*/\1/p' "$RUN/conf/provider-keys.conf" | grep -v '^demo-' |
        paste -sd ' ' || true)
    cat <<BANNER

  TrustedRouter is up.    attestation: SIMULATED (no SEV-SNP hardware is involved)

$(console_banner)
  base URL   $url
  CA file    $RUN/state/ca.pem
  API key    $API_KEY
  providers  demo-a demo-b ${real}
  enabled    $("$ROOT/deploy/dev/enabled" say)
  environment for scripts (and the management key):  . $RUN/env

  what ran   build/release/tr-verify log https://localhost:$(port rest) --key '$LOG_KEY' \\
               --releases $RUN/releases --release-key '$RELEASE_KEY'
  what runs  build/release/tr-verify gateway https://localhost:$(port api) --policy $RUN/conf/attestation.conf \\
               --release $RUN/conf/release.json --release-key '$RELEASE_KEY' \\
               --log-key '$LOG_KEY' --log https://localhost:$(port rest)

  curl --cacert $RUN/state/ca.pem $url/chat/completions \\
    -H "Authorization: Bearer $API_KEY" -H 'content-type: application/json' \\
    -d '{"model":"demo/echo","messages":[{"role":"user","content":"Hello"}],"stream":true}'

  Synth: a panel answers, a judge compares, one model writes (docs/synth.md)
  curl --cacert $RUN/state/ca.pem $url/chat/completions \\
    -H "Authorization: Bearer $API_KEY" -H 'content-type: application/json' \\
    -d '{"model":"trustedrouter/synth","messages":[{"role":"user","content":"Hello"}]}'

  Python (in a virtual environment; README.md has the block for Debian 12):
    import openai, ssl
    tls = ssl.create_default_context(cafile="$RUN/state/ca.pem")
    client = openai.OpenAI(base_url="$url", api_key="$API_KEY", http_client=openai.DefaultHttpxClient(verify=tls))
    print(client.chat.completions.create(model="demo/echo", messages=[{"role": "user", "content": "Hello"}]).choices[0].message.content)

  TypeScript (NODE_EXTRA_CA_CERTS=$RUN/state/ca.pem node app.mjs):
    import OpenAI from "openai";
    const client = new OpenAI({ baseURL: "$url", apiKey: "$API_KEY" });
    console.log((await client.chat.completions.create({ model: "demo/echo", messages: [{ role: "user", content: "Hello" }] })).choices[0].message.content);

BANNER
}
