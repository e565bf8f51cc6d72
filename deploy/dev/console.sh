# The console of the development stack: its part of controlplane.conf, and a user who signs in. Sourced by up, after conf.sh.

CONSOLE_FILES=$ROOT/build/web
CONSOLE_USER=owner@demo.example

console_url() {
    echo "https://localhost:$(port rest)/"
}

console_conf() {
    echo "sign_up = on"
    echo "console_origin = https://localhost:$(port rest)"
    [ -f "$CONSOLE_FILES/pages.txt" ] || return 0
    echo "console_dir = $CONSOLE_FILES"
    echo "console_dataplanes = https://localhost:$(port api)"
    mkdir -p "$RUN/evidence"
    echo "console_evidence = $RUN/evidence"
    echo "release_key = $(release_key)"
    echo "security_contact = mailto:security@demo.example"
}

# What the pages judge the data plane by: the policy, the simulated machine's root, this build's release.
write_evidence() {
    mkdir -p "$RUN/evidence"
    cp "$RUN/conf/attestation.conf" "$RUN/platform/ark.pem" "$RUN/conf/release.json" "$RUN/conf/release.json.minisig" \
        "$RUN/evidence/"
    echo '{"policy": "attestation.conf", "roots": {"simulated": "ark.pem"}, "releases": ["release.json"]}' \
        >"$RUN/evidence/index.json"
}

kept() { # NAME: a line of ./run/keys
    sed -n "s/^$1=//p" "$RUN/keys" 2>/dev/null
}

# The user becomes an owner of this account's organisation, by an invitation: a new user chooses the password with the
# first one, and shows it with the next.
join_organisation() { # QUERY
    local invitation
    invitation=$(rest POST "/v1/invitations$1" "$MANAGEMENT_KEY" \
        "{\"email\": \"$CONSOLE_EMAIL\", \"role\": \"owner\"}" | json_field invitation)
    rest POST /v1/invitations/accept "" \
        "{\"invitation\": \"$invitation\", \"password\": \"$CONSOLE_PASSWORD\", \"name\": \"Demo owner\"}" >/dev/null
}

# One user for everything: an owner of the operator's organisation, whose account has the demo key and its credits, and
# of a customer's. The password is random and kept in ./run/keys with the keys.
make_console_user() {
    local customer
    umask 077
    CONSOLE_EMAIL=$CONSOLE_USER
    CONSOLE_PASSWORD=$(kept console_password || true)
    [ -z "$CONSOLE_PASSWORD" ] || return 0
    CONSOLE_PASSWORD=$(openssl rand -hex 10)
    customer=$(rest POST /v1/accounts "$MANAGEMENT_KEY" '{"name": "Demo customer"}' | json_field id)
    { [ -n "$customer" ] && join_organisation "" && join_organisation "?account_id=$customer"; } ||
        die "the console's user could not be made"
    rest POST /v1/credits/topup "$MANAGEMENT_KEY" \
        "{\"amount\": 10, \"account_id\": \"$customer\", \"idempotency_key\": \"up-console-$customer\"}" \
        >>"$RUN/log/up.log" || die "the customer's top-up failed; see $RUN/log/up.log"
    echo "console_password=$CONSOLE_PASSWORD" >>"$RUN/keys"
}

console_env() {
    echo "export TR_CONSOLE_URL='$(console_url)'"
    echo "export TR_CONSOLE_EMAIL='$CONSOLE_EMAIL'"
    echo "export TR_CONSOLE_PASSWORD='$CONSOLE_PASSWORD'"
}

# A browser does not know the stack's CA: it warns at both addresses until it is told.
console_banner() {
    if [ ! -f "$CONSOLE_FILES/pages.txt" ]; then
        echo "  console    not built: make web, then make down up"
        return
    fi
    echo "  console    $(console_url)  sign in: $CONSOLE_EMAIL / $CONSOLE_PASSWORD"
    echo "             Your browser does not know this stack's CA. Import the CA file below into it, or open both"
    echo "             $(console_url) and https://localhost:$(port api)/health and accept the warnings."
}
