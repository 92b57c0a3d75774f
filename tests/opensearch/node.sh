#!/usr/bin/env bash
# One real OpenSearch node, from Maven artefacts, for the tests.
#
#   node.sh jars              fetches OpenSearch into target/opensearch once; later calls find it there
#   node.sh run DIR PORT      runs the node until standard input ends, however whoever holds it ends
#
# The node keeps its data in DIR and survives kill -9: run it again on the same DIR. No security, one node, heap 512 MB;
# listens on 127.0.0.1 only. Runs as any user. Exit 3 when Java or Maven is missing, and nothing is fetched yet.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
place="${CARGO_TARGET_DIR:-$here/../../target}/opensearch"

fetch() {
    command -v java >/dev/null || { echo "java is missing: install openjdk-17-jre-headless" >&2; exit 3; }
    [ -e "$place/complete" ] && return
    command -v mvn >/dev/null || { echo "mvn is missing: install maven" >&2; exit 3; }
    mkdir -p "$place"
    # Several tests may start at once.
    exec 8>"$place/lock"
    flock 8
    [ -e "$place/complete" ] && return
    mvn -q -B -f "$here/pom.xml" dependency:unpack-dependencies -DoutputDirectory="$place/unpacked" >&2
    touch "$place/complete"
    exec 8>&-
}

settings() {
    cat <<Y
cluster.name: sekisho-test
node.name: one
network.host: 127.0.0.1
http.port: $2
transport.port: 0
discovery.type: single-node
path.data: "$1/data"
path.logs: "$1/logs"
cluster.max_shards_per_node: 20000
cluster.routing.allocation.disk.threshold_enabled: false
Y
}

run() {
    local dir="$1" port="$2" home
    fetch
    home="$(echo "$place"/unpacked/opensearch-*)"
    mkdir -p "$dir/config" "$dir/tmp"
    dir="$(cd "$dir" && pwd)"
    settings "$dir" "$port" >"$dir/config/opensearch.yml"
    cat >"$dir/config/log4j2.properties" <<'P'
status=error
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.c.ref=C
P
    # Without its native library it does not ask who runs it; it refuses root otherwise.
    java -Xms512m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Djna.nosys=true -Djna.noclasspath=true -Djna.boot.library.path=/nonexistent \
        -Djava.io.tmpdir="$dir/tmp" -Djava.security.manager=allow -Dlog4j2.disable.jmx=true \
        -Dopensearch.path.home="$home" -Dopensearch.path.conf="$dir/config" -Dopensearch.distribution.type=tar \
        -cp "$home/lib/*" org.opensearch.bootstrap.OpenSearch </dev/null &
    # Not local: the trap runs outside.
    node=$!
    trap 'kill -9 "$node" 2>/dev/null || true' EXIT
    cat >/dev/null
}

case "${1:-}" in
    jars) fetch ;;
    run) run "$2" "$3" ;;
    *) sed -n '2,9p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
