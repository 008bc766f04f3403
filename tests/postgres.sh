#!/usr/bin/env bash
# Runs a command with TEST_POSTGRES_URL naming a Postgres of its own, which is gone afterwards.
# Postgres refuses to run as root: root runs it as the user `postgres`.
set -euo pipefail
find_binaries() {
    local dir
    for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) "$(dirname "$(command -v initdb || echo /none/x)")"; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then echo "$dir"; return; fi
    done
    echo "no Postgres binaries: run \`make test-tools\`" >&2
    exit 1
}
binaries=$(find_binaries)
data=$(mktemp -d)
as_owner=()
if [ "$(id -u)" = 0 ]; then
    chown postgres "$data"
    as_owner=(runuser -u postgres --)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$data"
"${as_owner[@]}" "$binaries/initdb" -D "$data/cluster" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$data/initdb.log" 2>&1 ||
    { cat "$data/initdb.log" >&2; exit 1; }
stop() {
    "${as_owner[@]}" "$binaries/pg_ctl" -D "$data/cluster" -m immediate -w stop >/dev/null 2>&1 || true
    cd / && rm -rf "$data"
}
trap stop EXIT
"${as_owner[@]}" "$binaries/pg_ctl" -D "$data/cluster" -w -l "$data/log" \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$data -c max_connections=400" start >/dev/null ||
    { cat "$data/log" >&2; exit 1; }
cd "$OLDPWD"
TEST_POSTGRES_URL="postgresql://postgres@127.0.0.1:$port/postgres" "$@"
