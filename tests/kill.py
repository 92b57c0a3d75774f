#!/usr/bin/env python3
"""Kills `sekisho run` with SIGKILL at random points of a run, restarts it each time, and holds the outcome to the truth.

The sender is a plain syslog/TCP client per source. After every restart it reads from /api/v1/accounting how many records
of each source are durable and goes on from there. In the end:
  - every generated line is in the index exactly once (compared as a multiset of lines, source by source),
  - the alerts are exactly those of `sekisho detect` over the same files, each once, with one outbox row per page,
  - accounting balances for every source.

`--scenario correlation` takes the logs and rules of kill_corpus.py instead of those of `sekisho generate`: lines arrive late
and race, most windows are open when the process dies, and the evidence of every alert is compared too, line by line.

`--stream kafka` puts a real Apache Kafka (tests/kafka/broker.sh) under it; `--broker-kills N` kills that too. `--partitions N`
spreads the sources over several partitions of raw, so that matching and correlation are two stages.

Usage: tests/kill.py --sekisho target/release/sekisho [--scenario correlation] [--events 300000] [--kills 20] [--seed 1]
       [--stream kafka] [--broker-kills 2] [--partitions 3] [--keep DIR]
Exit 0 when all of it holds. Only the standard library is used.
"""
import argparse, atexit, collections, json, os, random, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, threading, time
import tomllib, urllib.request

import kill_corpus


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    """One Apache Kafka, which outlives its kills."""

    def __init__(self, folder):
        self.folder, self.port = f"{folder}/kafka", free_port()
        os.makedirs(self.folder, exist_ok=True)
        self.process = None

    def start(self):
        log = open(f"{self.folder}/broker.log", "ab")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kafka", "broker.sh")
        self.process = subprocess.Popen(["bash", script, "run", self.folder, str(self.port)], stdout=log, stderr=log)
        atexit.register(self.process.kill)
        deadline = time.time() + 90
        while time.time() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("kafka did not start:\n" + tail(f"{self.folder}/broker.log"))

    def kill(self):
        self.process.kill()
        self.process.wait()


class Service:
    """One sekisho process and the folder it works in."""

    def __init__(self, sekisho, folder, generated, rules, stream):
        self.sekisho, self.folder, self.generated = sekisho, folder, generated
        self.http = free_port()
        self.sources = tomllib.load(open(f"{generated}/sources.toml", "rb"))["source"]
        self.ports = {(s["tenant"], s["id"]): free_port() for s in self.sources}
        with open(f"{folder}/sekisho.toml", "w") as out:
            out.write(f'data = "data"\ntenants = "{generated}/tenants"\nsources = "{generated}/sources.toml"\n')
            out.write(f'rules = ["{rules}"]\n' if rules else "")
            out.write(stream)
            out.write(f'[dashboards]\nlisten = "127.0.0.1:{self.http}"\n')
            # Small splits: the state of detection is stored at each of them.
            out.write('[store]\nsplit_seconds_max = 2\n' + ('split_events_max = 3000\n' if rules else ''))
            out.write('[[oncall.channel]]\nname = "nowhere"\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\n')
            for (tenant, source), port in self.ports.items():
                out.write(f'[[listen.listener]]\nkind = "syslog_tcp"\nbind = "127.0.0.1:{port}"\n'
                          f'tenant = "{tenant}"\nsource = "{source}"\n')
        self.process = None

    def start(self):
        log = open(f"{self.folder}/run.log", "ab")
        self.process = subprocess.Popen([self.sekisho, "run", "--config", f"{self.folder}/sekisho.toml"],
                                        stdout=log, stderr=log)
        atexit.register(self.process.kill)
        deadline = time.time() + 60
        while time.time() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"sekisho stopped by itself with {self.process.returncode}:\n" + tail(f"{self.folder}/run.log"))
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.http}/ready", timeout=1).read()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("sekisho was not ready within 60 s:\n" + tail(f"{self.folder}/run.log"))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=120) != 0:
            sys.exit("sekisho did not stop cleanly:\n" + tail(f"{self.folder}/run.log"))

    def accounting(self):
        """(tenant, source) -> row, as the running process counts it now."""
        with open(f"{self.folder}/data/accounting.json") as file:
            book = json.load(file)
        return {(row["tenant"], row["source"]): row for row in book["sources"]}, book


def tail(path):
    return "".join(open(path, errors="replace").readlines()[-30:])


class Sender(threading.Thread):
    """Sends one source's lines from a position on, LF-framed; stops quietly when the peer goes away."""

    def __init__(self, port, lines, position, rate):
        super().__init__(daemon=True)
        self.port, self.lines, self.position, self.rate = port, lines, position, rate

    def run(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as peer:
                step = max(1, min(200, int(self.rate / 20)))
                for start in range(self.position, len(self.lines), step):
                    peer.sendall(b"".join(line + b"\n" for line in self.lines[start:start + step]))
                    time.sleep(step / self.rate)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(1024):
                    pass
        except OSError:
            pass


class OrderedSender(threading.Thread):
    """Sends the lines of all sources in one order, each over its source's connection, from where each of them stands."""

    def __init__(self, ports, lines, received, rate):
        super().__init__(daemon=True)
        self.ports, self.lines, self.received, self.rate = ports, lines, received, rate

    def run(self):
        peers, passed = {}, collections.Counter()
        try:
            for key, port in self.ports.items():
                peers[key] = socket.create_connection(("127.0.0.1", port), timeout=10)
            step = max(1, int(self.rate / 50))
            sent, parts = 0, collections.defaultdict(bytearray)
            for key, line in self.lines:
                passed[key] += 1
                if passed[key] <= self.received[key]:
                    continue
                parts[key] += line + b"\n"
                sent += 1
                if sent % step == 0:
                    flush(peers, parts)
                    time.sleep(step / self.rate)
            flush(peers, parts)
            for peer in peers.values():
                peer.shutdown(socket.SHUT_WR)
            for peer in peers.values():
                while peer.recv(1024):
                    pass
        except OSError:
            pass


def flush(peers, parts):
    for key, part in parts.items():
        peers[key].sendall(part)
    parts.clear()


def evidence_of(database):
    """Alert id -> (count, lines), as the database holds the alerts that stand."""
    lines = collections.defaultdict(list)
    for alert, source, line in database.execute("select alert_id, source, line from alert_lines"):
        lines[alert].append((source, line))
    rows = database.execute("select id, event_count from alerts where withdrawn = 0")
    return {alert: (count, sorted(lines[alert])) for alert, count in rows}


def differing(expected, database):
    """Faults of alerts whose evidence is not that of the uninterrupted run. Beyond 1,000 events only their number is fixed."""
    found = evidence_of(database)
    wanted = {alert["id"]: (alert["event_count"] if "event_count" in alert else len(alert["events"]),
                            sorted((one["source"], one["line"]) for one in alert["evidence"])) for alert in expected}
    return [f"alert {alert}: {found[alert][0]} events, {wanted[alert][0]} wanted; "
            f"{len(set(found[alert][1]) ^ set(wanted[alert][1]))} lines differ"
            for alert in sorted(wanted) if alert in found
            and (found[alert] != wanted[alert] if wanted[alert][0] <= 1000 else found[alert][0] != wanted[alert][0])]


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--sekisho", required=True)
    args.add_argument("--events", type=int, default=300_000)
    args.add_argument("--kills", type=int, default=20)
    args.add_argument("--seed", type=int, default=int(time.time()))
    args.add_argument("--rate", type=float, default=0, help="events a second; by default a run of about a second per kill")
    args.add_argument("--scenario", choices=["town", "correlation"], default="town")
    args.add_argument("--stream", choices=["embedded", "kafka"], default="embedded")
    args.add_argument("--broker-kills", type=int, default=0)
    args.add_argument("--partitions", type=int, default=1)
    args.add_argument("--keep")
    args = args.parse_args()
    args.sekisho = os.path.abspath(args.sekisho)
    print(f"seed {args.seed}: {args.events} events, {args.kills} kills", flush=True)
    chance = random.Random(args.seed)
    folder = args.keep or tempfile.mkdtemp(prefix="sekisho-kill-")
    os.makedirs(folder, exist_ok=True)
    generated = f"{folder}/generated"
    correlation, rules, order = args.scenario == "correlation", None, None
    run([args.sekisho, "generate", "--profile", "town", "--seed", "7", "--events", "5000" if correlation else str(args.events),
         "--out", generated])
    command = [args.sekisho, "detect", "--input", generated]
    if correlation:
        shutil.rmtree(f"{generated}/logs")
        order = kill_corpus.write(generated, args.events, args.seed)
        rules = f"{generated}/rules"
        command += ["--rules", rules]
    expected = [json.loads(line) for line in run(command).splitlines()]

    stream, broker = f"[stream]\nraw_partitions = {args.partitions}\n", None
    if args.stream == "kafka":
        broker = Broker(folder)
        broker.start()
        stream += (f'kind = "kafka"\n[stream.kafka]\nbrokers = ["127.0.0.1:{broker.port}"]\nreplication = 1\n'
                   'min_insync_replicas = 1\n')
    service = Service(args.sekisho, folder, generated, rules, stream)
    lines = {(s["tenant"], s["id"]): open(f"{generated}/{s['file']}", "rb").read().splitlines() for s in service.sources}
    total = sum(map(len, lines.values()))
    rate = args.rate or total / (args.kills * 1.5 + 1)
    kills, broker_kills = 0, 0
    while True:
        service.start()
        book, _ = service.accounting()
        received = {key: book.get(key, {"received": 0})["received"] for key in lines}
        if correlation:
            senders = [OrderedSender(service.ports, order, received, rate)]
        else:
            senders = [Sender(service.ports[key], lines[key], received[key], max(20.0, rate * len(lines[key]) / total))
                       for key in lines]
        for sender in senders:
            sender.start()
        if kills < args.kills:
            time.sleep(chance.uniform(0.1, 2.5))
            service.kill()
            kills += 1
            print(f"kill {kills}: {sum(received.values())} of {total} were durable before", flush=True)
            for sender in senders:
                sender.join()
            continue
        while broker and broker_kills < args.broker_kills:
            time.sleep(chance.uniform(0.1, 2.5))
            broker.kill()
            broker_kills += 1
            print(f"kill {broker_kills} of the broker", flush=True)
            time.sleep(chance.uniform(0.1, 3))
            broker.start()
        deadline = time.time() + 300
        while time.time() < deadline:
            book, whole = service.accounting()
            if sum(row["indexed"] for row in book.values()) >= total:
                break
            time.sleep(0.2)
        break
    time.sleep(1.5)
    book, whole = service.accounting()
    faults = []
    for key, wanted in lines.items():
        row = book.get(key, {})
        if not (row.get("received") == row.get("indexed") == len(wanted)):
            faults.append(f"accounting of {key}: {row}, sent {len(wanted)}")
    service.stop()

    indexed = collections.Counter()
    out = run([args.sekisho, "search", "", "--data", f"{folder}/data", "--limit", str(total * 2), "--format", "json"])
    for line in out.splitlines():
        event = json.loads(line)
        indexed[(event["sekisho.tenant"], event["sekisho.source.id"], event["event.original"])] += 1
    sent = collections.Counter((*key, line.decode()) for key, all_lines in lines.items() for line in all_lines)
    missing, extra = sent - indexed, indexed - sent
    if missing or extra:
        faults.append(f"index: {sum(missing.values())} missing, {sum(extra.values())} too many, "
                      f"for example {list(missing)[:1]} {list(extra)[:1]}")
    database = sqlite3.connect(f"{folder}/data/sekisho.db")
    alerts = [row[0] for row in database.execute("select id from alerts where withdrawn = 0")]
    wanted = {alert["id"] for alert in expected}
    if len(alerts) != len(set(alerts)) or set(alerts) != wanted:
        faults.append(f"alerts: {len(wanted - set(alerts))} missing, {len(set(alerts) - wanted)} unknown, "
                      f"{len(alerts) - len(set(alerts))} twice")
    if correlation:
        faults += differing(expected, database)[:10]
    # Alerts that a late line joined were each paged; what counts is that every alert was, under one key or more.
    pages = database.execute("select count(distinct alert_id), count(distinct idempotency_key) - count(*) from outbox").fetchone()
    paging = {alert["id"] for alert in expected if alert["sekisho"].get("page")}
    # An alert may be undone after its page went out, and one that parts again from what had joined it was paged before.
    paged = {one for alert, key in database.execute("select alert_id, idempotency_key from outbox")
             for one in (alert, key.split(":")[0])}
    right = paging <= paged if correlation else pages[0] == len(paging)
    if not right or pages[1] != 0:
        faults.append(f"outbox: {pages[0]} alerts paged, {-pages[1]} keys twice, {len(paging)} alerts page")
    if broker:
        broker.kill()
    if not args.keep:
        shutil.rmtree(folder)
    what = f"{args.stream}, {args.partitions} partitions, {kills} kills, {broker_kills} of the broker"
    print(f"{what}: {total} events, {sum(indexed.values())} indexed, {len(alerts)} alerts, {pages[0]} pages")
    if faults:
        sys.exit("FAILED\n  " + "\n  ".join(faults))
    print("every event indexed exactly once, every alert and page once, accounting balances")


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} exited with {done.returncode}")
    return done.stdout.decode()


main()
