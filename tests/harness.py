"""What the crash and torture scripts share: a real `sekisho run` in a folder of its own, its senders, and the truth.

The truth of a run is what was generated, and what `sekisho detect` raises over the same files: `faults` compares the index
as a multiset of lines, the alerts by their ids, the pages and the accounting. Only the standard library is used.
"""
import atexit, collections, hashlib, json, os, random, signal, socket, sqlite3, subprocess, sys, threading, time
import tomllib, urllib.request


def free_port():
    """A port below those that the kernel gives to connections, so that none takes it meanwhile."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


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


class Node:
    """One OpenSearch, which outlives its kills."""

    def __init__(self, folder):
        self.folder, self.port = f"{folder}/opensearch", free_port()
        os.makedirs(self.folder, exist_ok=True)
        self.process = None

    def start(self):
        log = open(f"{self.folder}/node.log", "ab")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "opensearch", "node.sh")
        self.process = subprocess.Popen(["bash", script, "run", self.folder, str(self.port)], stdin=subprocess.PIPE,
                                        stdout=log, stderr=log)
        deadline = time.time() + 90
        while time.time() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("OpenSearch did not start:\n" + tail(f"{self.folder}/node.log"))

    def kill(self):
        # The script kills it (-9) when its input ends.
        self.process.stdin.close()
        self.process.wait()


class Service:
    """One sekisho process and the folder it works in."""

    def __init__(self, sekisho, folder, generated, rules, stream, sink="http://127.0.0.1:9/", engine=None):
        self.sekisho, self.folder, self.generated, self.engine = sekisho, folder, generated, engine
        self.environment = dict(os.environ)
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
            if engine:
                out.write(f'kind = "elasticsearch"\n[store.elasticsearch]\nurls = ["http://127.0.0.1:{engine.port}"]\n'
                          'replicas = 0\nbulk_seconds_max = 1\n')
            out.write('[[oncall.channel]]\nname = "nowhere"\nkind = "webhook"\n' + f'url = "{sink}"\n')
            for (tenant, source), port in self.ports.items():
                out.write(f'[[listen.listener]]\nkind = "syslog_tcp"\nbind = "127.0.0.1:{port}"\n'
                          f'tenant = "{tenant}"\nsource = "{source}"\n')
        self.process = None

    def start(self):
        log = open(f"{self.folder}/run.log", "ab")
        self.process = subprocess.Popen([self.sekisho, "run", "--config", f"{self.folder}/sekisho.toml"],
                                        stdout=log, stderr=log, env=self.environment)
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


def memory_mib(process):
    """What the process holds now."""
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


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
                # Back-pressure may last as long as a broker is away.
                peer.settimeout(None)
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
                peers[key].settimeout(None)
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


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} exited with {done.returncode}")
    return done.stdout.decode()


def mark(tenant, source, line):
    """Stands for a line: millions of them do not fit into memory as they are."""
    return int.from_bytes(hashlib.blake2b(b"\0".join([tenant.encode(), source.encode(), line]), digest_size=8).digest(), "big")


def indexed_by(service, data, most):
    """The multiset of marks of the lines that a search without a condition finds."""
    place = ["--config", f"{service.folder}/sekisho.toml"] if service.engine else ["--data", data]
    command = [service.sekisho, "search", "", *place, "--limit", str(most), "--format", "json"]
    search, indexed = subprocess.Popen(command, stdout=subprocess.PIPE), collections.Counter()
    for line in search.stdout:
        event = json.loads(line)
        indexed[mark(event["sekisho.tenant"], event["sekisho.source.id"], event["event.original"].encode())] += 1
    if search.wait() != 0:
        sys.exit(f"{' '.join(command)} exited with {search.returncode}")
    return indexed


def faults_of(service, lines, expected, exact_pages=True):
    """What differs from the truth, after the service has stopped: (faults, events indexed, alerts, pages)."""
    faults, data = [], f"{service.folder}/data"
    total = sum(map(len, lines.values()))
    indexed = indexed_by(service, data, total * 2)
    sent = collections.Counter(mark(*key, line) for key, all_lines in lines.items() for line in all_lines)
    missing, extra = sent - indexed, indexed - sent
    if missing or extra:
        example = [(*key, line) for key, all_lines in lines.items() for line in all_lines
                   if mark(*key, line) in missing or mark(*key, line) in extra]
        faults.append(f"index: {sum(missing.values())} missing, {sum(extra.values())} too many, for example {example[:1]}")
    database = sqlite3.connect(f"{data}/sekisho.db")
    alerts = [row[0] for row in database.execute("select id from alerts where withdrawn = 0")]
    wanted = {alert["id"] for alert in expected}
    if len(alerts) != len(set(alerts)) or set(alerts) != wanted:
        faults.append(f"alerts: {len(wanted - set(alerts))} missing, {len(set(alerts) - wanted)} unknown, "
                      f"{len(alerts) - len(set(alerts))} twice")
    # Alerts that a late line joined were each paged; what counts is that every alert was, under one key or more.
    pages = database.execute("select count(distinct alert_id), count(distinct idempotency_key) - count(*) from outbox").fetchone()
    paging = {alert["id"] for alert in expected if alert["sekisho"].get("page")}
    # An alert may be undone after its page went out, and one that parts again from what had joined it was paged before.
    paged = {one for alert, key in database.execute("select alert_id, idempotency_key from outbox")
             for one in (alert, key.split(":")[0])}
    right = pages[0] == len(paging) if exact_pages else paging <= paged
    if not right or pages[1] != 0:
        faults.append(f"outbox: {pages[0]} alerts paged, {-pages[1]} keys twice, {len(paging)} alerts page")
    return faults, sum(indexed.values()), len(alerts), pages[0]
