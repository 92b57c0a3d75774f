#!/usr/bin/env python3
"""Puts a real `sekisho run` through what production does to it, and holds the outcome to the truth (tests/harness.py).

  disk     the file system of `data` (64 MiB) is full for a while under load; it goes on by itself when there is room
  sink     the receiver of pages takes connections and never answers
  reload   rules change all the time under load, every fifth time to something broken
  clocks   the wall clock jumps an hour back, an hour ahead and ten years ahead while it runs
  poison   lines no parser can like among the others: bytes of every value, 60 KiB in one line, deep JSON, no line end
  points   each place at which something becomes durable fails (no space, input/output error, half a write) or ends the process
  rot      one bit of one file of a finished data folder is flipped, for each of many copies: noticed, or without effect

Usage: tests/torture.py --sekisho target/release/sekisho [--seed 1] [--events 20000] [--copies 100] [SCENARIO ...]
All of them when none is named. `disk` needs root, `clocks` libfaketime, `points` a sekisho that was built with
`--features failpoints`; without, they are skipped and say so.
Exit 0 when all of it holds. Only the standard library is used.
"""
import argparse, collections, glob, json, os, random, re, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, threading, time
import urllib.request

import kill_corpus
from harness import OrderedSender, Sender, Service, differing, faults_of, free_port, memory_mib, run, tail

FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"


class Town:
    """A service, what is to be sent to it, and what must come of it."""

    def __init__(self, args, scenario, name, **service):
        self.folder = tempfile.mkdtemp(prefix=f"sekisho-{name}-")
        self.generated, self.order, rules = f"{self.folder}/generated", None, None
        correlation = scenario == "correlation"
        run([args.sekisho, "generate", "--profile", "town", "--seed", "7", "--events", "5000" if correlation else str(args.events),
             "--out", self.generated])
        command = [args.sekisho, "detect", "--input", self.generated]
        if correlation:
            shutil.rmtree(f"{self.generated}/logs")
            self.order, rules = kill_corpus.write(self.generated, args.events, args.seed), f"{self.generated}/rules"
            command += ["--rules", rules]
        self.expected = [json.loads(line) for line in run(command).splitlines()]
        self.service = Service(args.sekisho, self.folder, self.generated, rules, "", **service)
        self.lines = {(s["tenant"], s["id"]): open(f"{self.generated}/{s['file']}", "rb").read().splitlines()
                      for s in self.service.sources}
        self.total = sum(map(len, self.lines.values()))

    def send(self, rate):
        """Starts sending from where each source stands."""
        book, _ = self.service.accounting()
        received = collections.Counter({key: book.get(key, {"received": 0})["received"] for key in self.lines})
        if self.order:
            senders = [OrderedSender(self.service.ports, self.order, received, rate)]
        else:
            senders = [Sender(self.service.ports[key], self.lines[key], received[key],
                              max(20.0, rate * len(self.lines[key]) / self.total)) for key in self.lines]
        for sender in senders:
            sender.start()

    def drained(self, seconds):
        """Waits until every line is indexed."""
        deadline = time.time() + seconds
        while time.time() < deadline:
            if self.service.process.poll() is not None:
                sys.exit("sekisho stopped by itself:\n" + tail(f"{self.folder}/run.log"))
            book, _ = self.service.accounting()
            if sum(row["indexed"] for row in book.values()) >= self.total:
                return []
            time.sleep(0.1)
        return [f"not indexed within {seconds} s: {sum(row['indexed'] for row in book.values())} of {self.total}"]

    def finish(self):
        """Stops the service and compares."""
        time.sleep(1.5)
        self.service.stop()
        faults, indexed, alerts, pages = faults_of(self.service, self.lines, self.expected, exact_pages=not self.order)
        if self.order:
            faults += differing(self.expected, sqlite3.connect(f"{self.folder}/data/sekisho.db"))[:10]
        log = open(f"{self.folder}/run.log", errors="replace").read()
        if "panicked" in log:
            faults.append("a panic: " + log[log.index("panicked"):][:300])
        return faults, f"{self.total} events, {indexed} indexed, {alerts} alerts, {pages} pages", log

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def disk(args):
    if os.geteuid() != 0:
        return None, "needs root"
    town = Town(args, "town", "disk")
    data = f"{town.folder}/data"
    os.makedirs(data)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", data], capture_output=True).returncode != 0:
        town.remove()
        return None, "needs a kernel that lets this user mount"
    try:
        town.service.start()
        room = os.statvfs(data)
        with open(f"{data}/ballast", "wb") as ballast:
            ballast.write(bytes(max(0, room.f_bavail * room.f_bsize - args.events * 50)))
        town.send(args.events / 8)
        # Filled by what comes in, until nothing more is taken; then somebody makes room.
        faults, before, still, full_at = [], -1, 0, 0
        deadline = time.time() + 60
        while time.time() < deadline and still < 30:
            if town.service.process.poll() is not None:
                return ["sekisho stopped by itself:\n" + tail(f"{town.folder}/run.log")], ""
            received = sum(row["received"] for row in town.service.accounting()[0].values())
            still, before = (still + 1, before) if received == before else (0, received)
            full_at = received
            time.sleep(0.1)
        if full_at >= town.total:
            faults.append("the disk was never full")
        held = memory_mib(town.service.process)
        os.remove(f"{data}/ballast")
        freed = time.time()
        while time.time() < freed + 30 and sum(row["received"] for row in town.service.accounting()[0].values()) == full_at:
            time.sleep(0.05)
        again = time.time() - freed
        if again > 10:
            faults.append(f"went on only {again:.1f} s after there was room")
        faults += town.drained(120)
        more, what, _ = town.finish()
        return faults + more, f"{what}; full at {full_at}, went on {again:.1f} s after there was room, {held:.0f} MiB meanwhile"
    finally:
        town.service.process and town.service.process.kill()
        time.sleep(0.2)
        subprocess.run(["umount", "-l", data])
        town.remove()


def sink(args):
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def take():
        while True:
            held.append(listener.accept())

    threading.Thread(target=take, daemon=True).start()
    town = Town(args, "town", "sink", sink=f"http://127.0.0.1:{listener.getsockname()[1]}/")
    town.service.start()
    seconds, started = 15, time.time()
    town.send(args.events / seconds)
    faults = town.drained(120)
    took = time.time() - started
    held_mib = memory_mib(town.service.process)
    more, what, _ = town.finish()
    if not held:
        faults.append("no page was sent at all")
    if took > seconds + 10:
        faults.append(f"what was sent in {seconds} s was searchable only after {took:.0f} s")
    town.remove()
    return faults + more, f"{what}; {len(held)} connections never answered, sent in {seconds} s, all searchable after {took:.1f} s, {held_mib:.0f} MiB"


def reload(args):
    town = Town(args, "correlation", "reload")
    town.service.start()
    town.send(args.events / 20)
    more, changes, broken = f"{town.generated}/rules/more.yml", 0, 0
    rule = "title: none {n}\nid: none-{n}\nlogsource: {{product: linux}}\ndetection: {{s: {{user.name: nobody-{n}}}, condition: {c}}}\n"
    end = time.time() + 20
    while time.time() < end:
        changes += 1
        bad = changes % 5 == 0
        broken += bad
        with open(more + ".new", "w") as out:
            out.write(rule.format(n=changes, c="t" if bad else "s"))
        os.rename(more + ".new", more)
        before = outcomes(town)
        town.service.process.send_signal(signal.SIGHUP)
        while outcomes(town) == before and time.time() < end + 10:
            time.sleep(0.01)
    faults = town.drained(120)
    found, what, log = town.finish()
    used, refused = log.count("in use from here on"), log.count("reload refused")
    if refused != broken or used != changes - broken:
        why = next((line for line in log.splitlines() if "reload refused" in line), "")
        faults.append(f"{used} sets taken, {refused} refused of {broken} broken; {why}")
    town.remove()
    return faults + found, f"{what}; {changes} changes: {used} sets taken, {refused} refused"


def outcomes(town):
    """How often a reload has come to its end."""
    log = open(f"{town.folder}/run.log", errors="replace").read()
    return log.count("in use from here on") + log.count("reload refused")


def clocks(args):
    library = glob.glob(FAKETIME)
    if not library:
        return None, "needs libfaketime"
    town = Town(args, "correlation", "clocks")
    stamp = f"{town.folder}/clock"
    town.service.environment.update(LD_PRELOAD=library[0], FAKETIME_TIMESTAMP_FILE=stamp, FAKETIME_NO_CACHE="1",
                                    FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_DONT_RESET="1")

    def set_clock(offset):
        with open(stamp + ".new", "w") as out:
            out.write(offset)
        os.rename(stamp + ".new", stamp)

    set_clock("+0")
    town.service.start()
    town.send(args.events / 12)
    for offset in ["-3600", "+0", "+3600", "+0", "+315360000", "+0"]:
        time.sleep(2)
        set_clock(offset)
    faults = town.drained(120)
    found, what, _ = town.finish()
    town.remove()
    return faults + found, what + "; clock moved by -1 h, +1 h, +10 years and back"


def poison(args):
    town = Town(args, "town", "poison")
    chance = random.Random(args.seed)
    town.service.start()
    town.send(args.events / 10)
    lines, sent = collections.Counter(), 0
    for (tenant, source), port in sorted(town.service.ports.items()):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            for _ in range(50):
                line = poisonous(chance)
                peer.sendall(line + b"\n")
                lines[(tenant, source)] += 1
                sent += 1
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(1024):
                pass
    town.total += sent
    faults = town.drained(120)
    book, _ = town.service.accounting()
    for key, count in lines.items():
        if book[key]["received"] != len(town.lines[key]) + count or book[key]["indexed"] != book[key]["received"]:
            faults.append(f"{key}: {book[key]}, sent {len(town.lines[key]) + count}")
    time.sleep(1.5)
    town.service.stop()
    found, indexed, alerts, pages = faults_of(town.service, town.lines, town.expected)
    # What was poisonous stands in the index beside the rest, and may be what a rule looks for.
    found = [fault for fault in found if not (fault.startswith("index: 0 missing") and indexed == town.total)
             and not fault.startswith("alerts: 0 missing")]
    if "panicked" in open(f"{town.folder}/run.log", errors="replace").read():
        found.append("a panic")
    town.remove()
    return faults + found, f"{town.total} events, {sent} of them poisonous, {indexed} indexed, {alerts} alerts, {pages} pages"


def poisonous(chance):
    kind = chance.randrange(6)
    if kind == 0:
        # No NUL and no line feed, which end a line, and no digit first, which would be a length.
        return b"\xff" + bytes(chance.choice([b for b in range(256) if b not in (0, 10)]) for _ in range(chance.randrange(1, 400))) + b"."
    if kind == 1:
        return b"<13>" + b"x" * 60_000
    if kind == 2:
        return b'{"a":' * chance.randrange(10, 5_000)
    if kind == 3:
        return b"<999999>1 - - - - - [" + b"a" * chance.randrange(1, 300)
    if kind == 4:
        return b"date=9999-99-99 time=99:99:99 devname=\"" + "表示能力".encode("cp932") + b"\\\" srcip=999.999.999.999 sentbyte=99999999999999999999"
    return "\u202e\u001b[2J<script>alert(1)</script>'; drop table alerts; --".encode()


LOG_POINTS = ["log-create", "log-rename", "log-sync-dir", "log-write", "log-sync", "log-between-write-and-sync"]
STORE_POINTS = ["store::cut::written", "store::cut::before_commit", "store::cut::after_commit",
                "store::database::before_commit", "store::database::after_commit"]
# Behind a commit nothing can fail any more; the process can end.
POINTS = ([(point, action) for point in LOG_POINTS + STORE_POINTS for action in ("abort", "enospc", "eio")
           if action == "abort" or not point.endswith("after_commit")]
          + [("log-short-write", action) for action in ("abort", "enospc", "eio")])


OFTEN = ["log-write", "log-sync", "log-between-write-and-sync", "log-short-write", "store::database::before_commit",
         "store::database::after_commit"]


def points(args):
    if b"store::database::before_commit" not in open(args.sekisho, "rb").read():
        return None, "needs a sekisho that was built with --features failpoints"
    # As many as it takes for every point to be passed.
    args.events = max(args.events, 60_000)
    town, chance = Town(args, "correlation", "points"), random.Random(args.seed)
    clean, faults = dict(town.service.environment), []
    ended = collections.Counter()
    for point, action in POINTS:
        # Where it is passed often, not the first time: then there is something to lose.
        passed = chance.randrange(1, 25) if point in OFTEN else chance.randrange(2)
        later = f"{passed}*off->" if passed else ""
        town.service.environment = {**clean, "FAILPOINTS": f"{point}={later}1*return({action})->off"}
        try:
            town.service.start()
        except SystemExit:
            # It may fail at the start, too, which is told and ends it.
            if town.service.process.poll() is None:
                faults.append(f"{point} {action}: it neither started nor ended")
                town.service.kill()
            ended[action] += 1
            continue
        town.send(town.total / len(POINTS) / 3)
        deadline = time.time() + (15 if action == "abort" else chance.uniform(1.2, 2.2))
        while time.time() < deadline and town.service.process.poll() is None:
            time.sleep(0.02)
        if town.service.process.poll() is not None:
            ended[action] += 1
        else:
            # A full disk is waited for, and a failing one below the index and the database.
            town.service.kill()
            if action == "abort":
                faults.append(f"{point} was not reached")
    town.service.environment = clean
    town.service.start()
    town.send(town.total / 10)
    faults += town.drained(180)
    more, what, log = town.finish()
    if not more:
        town.remove()
    return faults + more, f"{what}; {len(POINTS)} failures at {len(LOG_POINTS + STORE_POINTS) + 1} points, ended by {dict(ended)}"


def rot(args):
    town = Town(args, "town", "rot")
    town.service.start()
    town.send(args.events / 5)
    faults = town.drained(120)
    more, what, _ = town.finish()
    faults += more
    data, chance = f"{town.folder}/data", random.Random(args.seed)
    whole, usual = truth(town, data), set()
    shutil.copytree(data, f"{town.folder}/copy")
    after_rot(town, f"{town.folder}/copy", whole, usual, learn=True)
    files = sorted(file for file in glob.glob(f"{data}/**", recursive=True) if os.path.isfile(file) and os.path.getsize(file))
    kinds = collections.defaultdict(collections.Counter)
    for number in range(args.copies):
        file = chance.choice(files)
        name = os.path.relpath(file, data)
        copy = f"{town.folder}/copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy)
        with open(f"{copy}/{name}", "r+b") as out:
            at = chance.randrange(os.path.getsize(file))
            out.seek(at)
            byte = out.read(1)[0]
            out.seek(at)
            out.write(bytes([byte ^ (1 << chance.randrange(8))]))
        outcome, said = after_rot(town, copy, whole, usual)
        kinds[kind_of(name)][outcome] += 1
        if outcome in ("WRONG", "PANIC"):
            faults.append(f"copy {number}, {name} byte {at}: {outcome} {said[:400]}")
    town.remove()
    table = "; ".join(f"{kind}: {', '.join(f'{outcome} {n}' for outcome, n in sorted(of.items()))}" for kind, of in sorted(kinds.items()))
    return faults, f"{args.copies} copies of {len(files)} files, {table}"


def kind_of(name):
    return "/".join(part for part in name.split("/")[:2] if not part[:1].isdigit())


def truth(town, data):
    """What people can see of a data folder: the lines that a search finds, and the alerts."""
    done = subprocess.run([town.service.sekisho, "search", "", "--data", data, "--limit", str(town.total * 2), "--format", "json"],
                          capture_output=True)
    alerts = []
    try:
        database = sqlite3.connect(f"file:{data}/sekisho.db?mode=ro", uri=True)
        alerts = sorted(database.execute("select id, level, state, event_count, payload from alerts"))
    except sqlite3.Error as error:
        alerts = str(error)
    return done.returncode, collections.Counter(done.stdout.splitlines()), alerts, done.stderr.decode(errors="replace")


def complaints(text):
    """What is said in warnings and errors, without times and numbers."""
    return {re.sub(r"[0-9a-f]{8,}|\d+", "", line.split("Z", 1)[-1]) for line in text.splitlines() if " WARN " in line or " ERROR " in line}


def after_rot(town, copy, whole, usual, learn=False):
    """Starts a service on the copy, ends it, searches; what came of it in a word, and what was said that is not usual."""
    log = f"{town.folder}/rot.log"
    config = open(f"{town.folder}/sekisho.toml").read().replace('data = "data"', 'data = "copy"')
    open(f"{town.folder}/rot.toml", "w").write(config)
    with open(log, "wb") as out:
        process = subprocess.Popen([town.service.sekisho, "run", "--config", f"{town.folder}/rot.toml"], stdout=out, stderr=out)
        deadline = time.time() + 30
        while time.time() < deadline and process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{town.service.http}/ready", timeout=1).read()
                break
            except OSError:
                time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            return "WRONG", "it did not end: " + tail(log)
    said = open(log, errors="replace").read()
    if "panicked" in said:
        return "PANIC", said[said.index("panicked"):]
    found = truth(town, copy)
    if "panicked" in found[3]:
        return "PANIC", found[3]
    told = complaints(said + "\n" + found[3])
    if learn:
        usual |= told
    told = code != 0 or found[0] != 0 or bool(told - usual)
    if found[:3] == whole[:3]:
        return ("told" if told else "no effect"), ""
    return ("told" if told else "WRONG"), f"exit {code}, {sum((whole[1] - found[1]).values())} lines fewer, " \
        f"{sum((found[1] - whole[1]).values())} others; {said[-600:]}"


SCENARIOS = {"disk": disk, "sink": sink, "reload": reload, "clocks": clocks, "poison": poison, "points": points, "rot": rot}


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--sekisho", required=True)
    args.add_argument("--seed", type=int, default=int(time.time()))
    args.add_argument("--events", type=int, default=20_000)
    args.add_argument("--copies", type=int, default=100, help="copies with a flipped bit")
    args.add_argument("scenario", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    args = args.parse_args()
    args.sekisho = os.path.abspath(args.sekisho)
    unknown = [name for name in args.scenario if name not in SCENARIOS]
    if unknown:
        sys.exit(f"unknown scenario {unknown[0]}; there are {', '.join(SCENARIOS)}")
    failed = 0
    for name in args.scenario or SCENARIOS:
        print(f"{name}, seed {args.seed}", flush=True)
        started = time.time()
        faults, what = SCENARIOS[name](args)
        if faults is None:
            print(f"  skipped: {what}")
            # What can be installed must be there; what the kernel allows is not in anybody's hand.
            failed += os.environ.get("SEKISHO_REQUIRE") == "all" and "kernel" not in what and name != "points"
            continue
        print(f"  {what} ({time.time() - started:.0f} s)", flush=True)
        for fault in faults:
            print(f"  FAILED {fault}", flush=True)
        failed += bool(faults)
    if failed:
        sys.exit(f"{failed} scenarios failed")
    print("every event indexed exactly once, every alert and page once, nothing wrong unnoticed")


main()
