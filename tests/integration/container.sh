#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the image from Dockerfile, starts it without and with a certificate, asks it for its health,
# shakes hands with its encrypted listeners and stops it, without a Docker engine: buildah in chroot
# isolation, on a base that debootstrap makes. Needs root. Run by `tests/run --long`; not part of
# ctest, because it downloads a Debian system.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "$(id -u)" -ne 0 ]; then
    echo "needs root: debootstrap and chroot isolation do" >&2
    exit 1
fi
tests/tools/install_dependencies container test

base_name=docker.io/library/debian:bookworm-slim
work=$(mktemp -d)
server_pid=
store=(--root "$work/store" --runroot "$work/run" --storage-driver vfs)

clean_up() {
    [ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null || true
    buildah "${store[@]}" rm --all >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "FAILED: $*" >&2
    [ ! -s "$work/server.log" ] || tail -n 20 "$work/server.log" >&2
    exit 1
}

say() {
    echo "== $*"
}

# ---- the base image, which reaches the archive the way this machine does

say "base image by debootstrap"
mirror=$(awk '$1 == "URIs:" && !/security/ {print $2; exit} $1 == "deb" {print $2; exit}' \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true)
debootstrap --variant=minbase bookworm "$work/base" "${mirror:-http://deb.debian.org/debian}" \
    >"$work/debootstrap.log" 2>&1 || fail "debootstrap: $(tail -n 3 "$work/debootstrap.log")"
cat >"$work/base/etc/apt/sources.list" <<LIST
deb ${mirror:-http://deb.debian.org/debian} bookworm main
deb ${mirror:-http://deb.debian.org/debian} bookworm-updates main
deb ${mirror:-http://deb.debian.org/debian}-security bookworm-security main
LIST
apt-config dump | grep -E '^Acquire::(http|https|Check-[A-Za-z-]+|Retries)' \
    >"$work/base/etc/apt/apt.conf.d/99host" || true
rm -rf "$work/base/var/cache/apt/archives" "$work/base/var/lib/apt/lists"/*
container=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" copy -q "$container" "$work/base" / >/dev/null
buildah "${store[@]}" config --cmd bash "$container"
buildah "${store[@]}" commit -q --rm "$container" "$base_name" >/dev/null
rm -rf "$work/base"

# ---- the image

say "buildah bud"
mkdir "$work/source"
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$work/source"
buildah "${store[@]}" bud --isolation chroot --format docker --pull-never -t paddock \
    "$work/source" >"$work/build.log" 2>&1 || {
    tail -n 40 "$work/build.log" >&2
    fail "the image does not build"
}

config_of() {
    buildah "${store[@]}" inspect --type image --format "{{$1}}" paddock
}
expect() { # what, expected, found
    [ "$2" = "$3" ] || fail "$1 is '$3', expected '$2'"
}
expect user "10001:10001" "$(config_of .Docker.Config.User)"
expect entrypoint "[/usr/bin/paddock]" "$(config_of .Docker.Config.Entrypoint)"
expect "stop signal" "SIGTERM" "$(config_of .Docker.Config.StopSignal)"
expect "health check" "[CMD /usr/bin/paddock health]" "$(config_of .Docker.Config.Healthcheck.Test)"
expect volume "map[/var/lib/paddock:{}]" "$(config_of .Docker.Config.Volumes)"
for port in 7777/udp 7778/udp 7778/tcp 9091/tcp 9464/tcp; do
    [[ $(config_of .Docker.Config.ExposedPorts) == *$port* ]] || fail "port $port is not exposed"
done
[[ $(config_of .Docker.Config.Env) != *TOKEN* ]] || fail "a token stands in the image"
listen="udp://0.0.0.0:7777 dtls://0.0.0.0:7778 tls://0.0.0.0:7778 wss://0.0.0.0:9091"
[[ $(config_of .Docker.Config.Env) == *"PADDOCK_LISTEN=$listen "* ]] || fail "it listens elsewhere"

# ---- what is in it

container=$(buildah "${store[@]}" from --pull-never paddock)
root=$(buildah "${store[@]}" mount "$container")
say "image of $(du -sm "$root" | cut -f1) MB"
for path in /usr/bin/gcc /usr/bin/cc /usr/bin/cmake /usr/bin/ninja /src /tests /build \
    /usr/bin/paddock-bots /usr/include/gnutls /usr/include/enet; do
    [ ! -e "$root$path" ] || fail "$path is in the image"
done
found=$(chroot "$root" dpkg-query -W -f '${Version}' libgnutls30)
dpkg --compare-versions "$found" ge 3.7.9-2+deb12u7 || fail "GnuTLS $found is in the image"
chroot "$root" ldd /usr/bin/paddock | grep -q 'not found' && fail "a library is missing"

# ---- start, ask, stop

say "start"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$root/etc/key.pem" \
    -out "$root/etc/cert.pem" 2>/dev/null
chown 10001:10001 "$root/etc/key.pem"
ports() { # free ports: the chroot shares this machine's network
    /usr/bin/python3 -c 'import socket
kinds = [socket.SOCK_STREAM] * 3 + [socket.SOCK_DGRAM] * 2
sockets = [socket.socket(type=kind) for kind in kinds]
[s.bind(("127.0.0.1", 0)) for s in sockets]
print(*[s.getsockname()[1] for s in sockets])'
}
read -r tls_port wss_port admin_port udp_port dtls_port < <(ports)
for scheme in udp dtls tls wss; do
    port=${scheme}_port
    listen=$(sed -E "s|\b$scheme://[^ ]*|$scheme://127.0.0.1:${!port}|" <<<"$listen")
done
bare=(buildah "${store[@]}" run --isolation chroot --env "PADDOCK_LISTEN=$listen"
    --env "PADDOCK_ADMIN=127.0.0.1:$admin_port" --env FUSION_SERVER_TOKEN=container-test-token)
run=("${bare[@]}" --env PADDOCK_TLS_CERT=/etc/cert.pem --env PADDOCK_TLS_KEY=/etc/key.pem
    "$container" --)

status=0
timeout 60 "${bare[@]}" "$container" -- /usr/bin/paddock >"$work/server.log" 2>&1 || status=$?
expect "the exit status without a certificate" 1 "$status"
grep -q 'dtls://.*give --tls-cert and --tls-key' "$work/server.log" ||
    fail "without a certificate it does not say how to mend it"

# The server is a descendant of buildah's process.
find_server() { # pid
    local child
    for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
        if [ "$(cat "/proc/$child/comm")" = paddock ]; then
            echo "$child"
            return
        fi
        find_server "$child"
    done
}

"${run[@]}" /usr/bin/paddock >"$work/server.log" 2>&1 &
buildah_pid=$!
for try in $(seq 100); do
    "${run[@]}" /usr/bin/paddock health >"$work/health.log" 2>&1 && break
    [ "$try" -lt 100 ] && kill -0 "$buildah_pid" 2>/dev/null ||
        fail "not healthy: $(tail -n 1 "$work/health.log")"
    sleep 0.2
done
server_pid=$(find_server "$buildah_pid")
[ -n "$server_pid" ] || fail "the server's process was not found"
say "healthy: $(cat "$work/health.log")"
expect "the server's user id" 10001 "$(awk '$1 == "Uid:" {print $2}' "/proc/$server_pid/status")"
[ -s "/proc/$server_pid/root/var/lib/paddock/outbox.db" ] || fail "no outbox in the data folder"
grep -q container-test-token "$work/server.log" && fail "the server token is in the log"

for version in "dtls1_2 $dtls_port" "tls1_3 $tls_port" "tls1_3 $wss_port"; do
    read -r version port <<<"$version"
    timeout 60 openssl s_client "-$version" -connect "127.0.0.1:$port" -servername localhost \
        -CAfile "$root/etc/cert.pem" -verify_return_error </dev/null >"$work/handshake.log" 2>&1 ||
        fail "$version on port $port: $(tail -n 3 "$work/handshake.log")"
done
say "DTLS and TLS with the certificate that was mounted"

say "stop"
kill -TERM "$server_pid"
status=0
wait "$buildah_pid" || status=$?
server_pid=
expect "the exit status after SIGTERM" 0 "$status"
echo "the image builds, starts, is healthy and stops"
