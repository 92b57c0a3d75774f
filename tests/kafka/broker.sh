#!/usr/bin/env bash
# One real Apache Kafka broker (KRaft, controller and broker in one process), from Maven artefacts, for the tests.
#
#   broker.sh jars                          fetches Kafka into target/kafka once; later calls find it there
#   broker.sh run DIR PORT [sasl_ssl]       runs the broker in the foreground: a signal to this process reaches it
#   broker.sh certificates DIR              makes what sasl_ssl needs in DIR; `run` does so by itself where it is missing
#
# The broker keeps its data in DIR/data and survives kill -9: run it again on the same DIR. Plain: no security. sasl_ssl:
# TLS with the authority DIR/ca.pem, a client certificate required (DIR/client.pem with
# DIR/client.key), SCRAM-SHA-512 with user `sekisho` and the password in DIR/password. Listens on 127.0.0.1 only.
# Exit 3 when Java or Maven is missing, and nothing is fetched yet.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
jars="${CARGO_TARGET_DIR:-$here/../../target}/kafka"

fetch() {
    command -v java >/dev/null || { echo "java is missing: install openjdk-17-jre-headless" >&2; exit 3; }
    [ -e "$jars/complete" ] && return
    command -v mvn >/dev/null || { echo "mvn is missing: install maven" >&2; exit 3; }
    mkdir -p "$jars"
    # Several tests may start at once.
    exec 8>"$jars/lock"
    flock 8
    [ -e "$jars/complete" ] && return
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars/libs" >&2
    touch "$jars/complete"
    exec 8>&-
}

certificates() {
    local dir="$1"
    [ -e "$dir/server.pem" ] && return
    head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$dir/password"
    local curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30)
    openssl req -quiet -x509 "${curve[@]}" -subj "/CN=test authority" -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null ||
        openssl req -x509 "${curve[@]}" -subj "/CN=test authority" -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
    local name
    for name in server client; do
        openssl req "${curve[@]}" -subj "/CN=$name" -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
        openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
            -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") -out "$dir/$name.crt" 2>/dev/null
    done
    cp "$dir/client.crt" "$dir/client.pem"
    # Written last: its presence says that all is there.
    cat "$dir/server.key" "$dir/server.crt" >"$dir/server.pem.new"
    mv "$dir/server.pem.new" "$dir/server.pem"
}

settings() {
    local dir="$1" port="$2" kind="$3" controller="$4" client=PLAINTEXT
    [ "$kind" = sasl_ssl ] && client=SASL_SSL
    cat <<P
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
listeners=CLIENT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=CLIENT://127.0.0.1:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
listener.security.protocol.map=CLIENT:$client,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
P
    [ "$kind" = sasl_ssl ] && cat <<P
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location=$dir/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/ca.pem
listener.name.client.ssl.client.auth=required
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="sekisho" password="$(cat "$dir/password")";
P
    return 0
}

run() {
    local dir="$1" port="$2" kind="${3:-plain}"
    fetch
    mkdir -p "$dir"
    dir="$(cd "$dir" && pwd)"
    local scram=()
    if [ "$kind" = sasl_ssl ]; then
        certificates "$dir"
        scram=(--add-scram "SCRAM-SHA-512=[name=sekisho,password=$(cat "$dir/password")]")
    fi
    # The controller's port is free now and kept, since the quorum remembers it.
    if [ ! -e "$dir/controller" ]; then
        python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' >"$dir/controller"
    fi
    settings "$dir" "$port" "$kind" "$(cat "$dir/controller")" >"$dir/server.properties"
    cat >"$dir/log4j2.properties" <<'P'
status=warn
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.c.ref=C
P
    local java=(java -Xmx512m -XX:+UseSerialGC "-Dlog4j2.configurationFile=$dir/log4j2.properties" -cp "$jars/libs/*")
    if [ ! -e "$dir/data/meta.properties" ]; then
        local id
        id="$("${java[@]}" kafka.tools.StorageTool random-uuid)"
        "${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" --standalone "${scram[@]}" >&2
    fi
    exec "${java[@]}" kafka.Kafka "$dir/server.properties"
}

case "${1:-}" in
    jars) fetch ;;
    certificates) mkdir -p "$2" && certificates "$(cd "$2" && pwd)" ;;
    run) run "$2" "$3" "${4:-plain}" ;;
    *) sed -n '2,12p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
