# A stack whose data plane is a guest: the sim image, booted by QEMU without SEV (deploy/qemu/run-tcg.sh). Sourced
# by what up, start and down share, after lib.sh. $RUN/guest exists in such a stack:
#   conf/      what is measured: dataplane.conf, providers.conf, the demo provider's CA, the simulated platform
#   image/     what make image has made of it     host.conf  what the host tells the guest, unmeasured

GUEST=$RUN/guest
GUEST_HOST=10.0.2.2 # QEMU's user network: this machine's loopback, as the guest sees it
GUEST_PORT=443

guest_on() {
    [ -d "$GUEST" ]
}

guest_provider_rows() {
    local id port
    for id in a b; do
        port=$(port "demo_$id")
        [ $id = b ] || port=$(port demo_a_tls)
        provider "demo-$id" "$GUEST_HOST" "$port" on /v1 "$RUN/conf/mock-ca.pem" "$([ $id = b ] || echo fills_middle)" \
            "Demo ${id^^}, over TLS"
        demo_row
    done
}

# Providers at the paths of the guest: each CA file that they name goes into its configuration.
guest_paths() {
    local line n=0
    mkdir -p "$GUEST/conf"
    while IFS= read -r line; do
        if [[ $line == "ca = "* ]]; then
            n=$((n + 1))
            cp "${line#ca = }" "$GUEST/conf/ca-$n.pem"
            line="ca = /etc/trustedrouter/ca-$n.pem"
        fi
        printf '%s\n' "$line"
    done
}

# The measured configuration: this stack's, at the paths and addresses of the guest.
write_guest_conf() {
    sed -e 's|^listen_host = .*|listen_host = 0.0.0.0|' -e "s|^listen_port = .*|listen_port = $GUEST_PORT|" \
        -e 's|^metrics_port = .*|metrics_port = 9464|' -e '/^control_host = /d' -e '/^place = /d' \
        -e 's|^providers = .*|providers = /etc/trustedrouter/providers.conf|' \
        -e 's|^platform_dir = .*|platform_dir = /etc/trustedrouter/platform|' \
        "$RUN/conf/dataplane.conf" >"$GUEST/conf/dataplane.conf"
    cp "$RUN/conf/providers.conf" "$GUEST/conf/"
    rm -rf "$GUEST/conf/platform"
    cp -r "$RUN/platform" "$GUEST/conf/platform"
    cat >"$GUEST/host.conf" <<CONF
# What the host tells the guest (deploy/qemu/README.md). Written by deploy/dev/up --guest.
address = 10.0.2.15/24
gateway = $GUEST_HOST
dns = 10.0.2.3
control_host = $GUEST_HOST
place = guest
CONF
}

make_guest_image() {
    make -s -C "$ROOT" image VARIANT=sim CONFIG="$GUEST/conf" OUT="$GUEST/image" >>"$RUN/log/image.log" 2>&1 ||
        die "make image failed; see $RUN/log/image.log"
    "$ROOT/deploy/dev/initrd-file" "$GUEST/image/initrd" usr/bin/tr-dataplane-sim "$GUEST/tr-dataplane-sim"
}

launch_guest() {
    launch dataplane "$ROOT/deploy/qemu/run-tcg.sh" "$GUEST/image" --vcpus "${TR_GUEST_VCPUS:-1}" \
        --host-conf "$GUEST/host.conf" --forward "$(port api):$GUEST_PORT"
}

# What the simulated evidence measures: the program that runs, wherever it runs.
measured_program() {
    if guest_on; then
        echo "$GUEST/tr-dataplane-sim"
    else
        echo "$BIN/tr-dataplane-sim"
    fi
}
