#!/usr/bin/env python3
"""Runs the roles as processes of their own on a real Apache Kafka, lets workers and correlators join, leave and die while
events flow, and holds the outcome to the truth: every line in the index exactly once, every alert and page once, with the ids,
counts and lines that `sekisho detect` gives over the same files, and an accounting that balances.

Logs and rules are those of kill_corpus.py: most windows are open whenever a partition or the correlation moves. A worker that
leaves is stopped (SIGTERM) or killed (SIGKILL) by chance; `--correlator-moves` and `--serve-kills` do the same to the owner of
correlation and to the process that indexes and serves.

Usage: tests/roles.py --sekisho target/release/sekisho [--events 300000] [--moves 50] [--workers 2] [--partitions 3]
       [--correlator-moves 3] [--serve-kills 2] [--seed 1] [--keep DIR]
Exit 0 when all of it holds. Only the standard library is used.
"""
import argparse, atexit, collections, json, os, random, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, time

import kill_corpus
from harness import Broker, OrderedSender, Service, differing, faults_of, run, tail


class Process:
    """One process with some of the roles, and the folder that it keeps when it starts again."""

    def __init__(self, service, name, roles):
        self.service, self.name, self.roles, self.process = service, name, roles, None

    def start(self):
        log = open(f"{self.service.folder}/{self.name}.log", "ab")
        command = [self.service.sekisho, "run", "--config", f"{self.service.folder}/sekisho.toml", "--role", self.roles]
        command += ["--data", f"{self.service.folder}/{self.name}"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        atexit.register(self.process.kill)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        # One that had hardly begun ends by the signal itself.
        if self.process.wait(timeout=120) not in (0, -signal.SIGTERM):
            sys.exit(f"{self.name} did not stop cleanly, {self.process.returncode}:\n" + tail(f"{self.service.folder}/{self.name}.log"))
        self.process = None

    def check(self):
        if self.process and self.process.poll() is not None:
            sys.exit(f"{self.name} stopped by itself with {self.process.returncode}:\n"
                     + tail(f"{self.service.folder}/{self.name}.log"))

    def wait_for_port(self, port):
        deadline = time.time() + 60
        while time.time() < deadline:
            self.check()
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
        sys.exit(f"{self.name} was not ready within 60 s:\n" + tail(f"{self.service.folder}/{self.name}.log"))


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--sekisho", required=True)
    args.add_argument("--events", type=int, default=300_000)
    args.add_argument("--moves", type=int, default=50, help="how often a worker joins or leaves")
    args.add_argument("--workers", type=int, default=2, help="the most at once")
    args.add_argument("--partitions", type=int, default=3)
    args.add_argument("--correlator-moves", type=int, default=3)
    args.add_argument("--serve-kills", type=int, default=2)
    args.add_argument("--pause", type=float, default=2.0, help="mean seconds between two moves")
    args.add_argument("--seed", type=int, default=int(time.time()))
    args.add_argument("--keep")
    args = args.parse_args()
    print(f"seed {args.seed}: {args.events} events, {args.moves} moves", flush=True)
    chance = random.Random(args.seed)
    folder = os.path.abspath(args.keep or tempfile.mkdtemp(prefix="sekisho-roles-"))
    os.makedirs(folder, exist_ok=True)
    sekisho, generated = os.path.abspath(args.sekisho), f"{folder}/generated"
    run([sekisho, "generate", "--profile", "town", "--seed", "7", "--events", "5000", "--out", generated])
    shutil.rmtree(f"{generated}/logs")
    order = kill_corpus.write(generated, args.events, args.seed)
    rules = f"{generated}/rules"
    expected = [json.loads(line) for line in
                run([sekisho, "detect", "--input", generated, "--rules", rules]).splitlines()]

    broker = Broker(folder)
    broker.start()
    stream = (f'[stream]\nraw_partitions = {args.partitions}\nkind = "kafka"\n[stream.kafka]\n'
              f'brokers = ["127.0.0.1:{broker.port}"]\nreplication = 1\nmin_insync_replicas = 1\n')
    service = Service(sekisho, folder, generated, rules, f'revisions = "{folder}/revisions"\nworkers = 1\n' + stream)
    # Where `faults_of` and the accounting look.
    os.makedirs(f"{folder}/data", exist_ok=True)
    serve = Process(service, "data", "serve")
    collect = Process(service, "collect", "collect")
    workers = [Process(service, f"process-{number}", "process") for number in range(args.workers)]
    correlators = [Process(service, f"correlate-{number}", "correlate") for number in range(2)]
    serve.start()
    serve.wait_for_port(service.http)
    collect.start()
    for port in service.ports.values():
        collect.wait_for_port(port)
    correlators[0].start()
    workers[0].start()

    total = len(order)
    rate = total / max(10.0, args.moves * args.pause)
    sender = OrderedSender(service.ports, order, collections.Counter(), rate)
    sender.start()
    begun = time.time()
    events = ["worker"] * (args.moves - 1) + ["correlator"] * args.correlator_moves + ["serve"] * args.serve_kills
    chance.shuffle(events)
    moves, hard = 1, 0
    for event in events:
        time.sleep(chance.expovariate(1 / args.pause) if event == "worker" else 0.1)
        for process in [serve, collect, *workers, *correlators]:
            process.check()
        by_force = chance.random() < 0.5
        if event == "serve":
            serve.kill()
            serve.start()
            serve.wait_for_port(service.http)
        elif event == "correlator":
            # The other waits already, or comes when the first is gone.
            old, new = sorted(correlators, key=lambda one: one.process is None)
            if chance.random() < 0.5:
                new.start()
                time.sleep(0.5)
            old.kill() if by_force else old.stop()
            if not new.process:
                new.start()
            hard += by_force
        else:
            one = chance.choice(workers)
            if one.process is None:
                one.start()
            else:
                one.kill() if by_force else one.stop()
                hard += by_force
            moves += 1
    for worker in workers:
        if worker.process is None:
            worker.start()
    print(f"{moves} moves of workers in {time.time() - begun:.0f} s; now all of them work", flush=True)
    sender.join()
    wanted = {alert["id"] for alert in expected}
    deadline = time.time() + 300
    while time.time() < deadline:
        for process in [serve, collect, *workers, *correlators]:
            process.check()
        book, _ = service.accounting()
        indexed = sum(row["indexed"] for row in book.values())
        with sqlite3.connect(f"file:{folder}/data/sekisho.db?mode=ro", uri=True) as database:
            alerts = {row[0] for row in database.execute("select id from alerts where withdrawn = 0")}
        if indexed >= total and alerts == wanted:
            break
        time.sleep(0.5)
    took = time.time() - begun
    time.sleep(2.5)
    faults = []
    lines = {(s["tenant"], s["id"]): open(f"{generated}/{s['file']}", "rb").read().splitlines() for s in service.sources}
    book, _ = service.accounting()
    for key, sent in lines.items():
        row = book.get(key, {})
        if sent and not (row.get("received") == row.get("indexed") == len(sent)):
            faults.append(f"accounting of {key}: {row}, sent {len(sent)}")
    for process in [collect, *workers, *correlators, serve]:
        if process.process:
            process.stop()
    found, indexed, alerts, pages = faults_of(service, lines, expected, exact_pages=False)
    faults += found + differing(expected, sqlite3.connect(f"{folder}/data/sekisho.db"))[:10]
    broker.kill()
    if not args.keep and not faults:
        shutil.rmtree(folder)
    print(f"{args.partitions} partitions, up to {args.workers} workers, {moves} moves of workers, {args.correlator_moves} of "
          f"correlation ({hard} of all by SIGKILL), {args.serve_kills} kills of serve, {took:.0f} s: {total} events, "
          f"{indexed} indexed, {alerts} alerts, {pages} pages")
    if faults:
        sys.exit("FAILED\n  " + "\n  ".join(faults) + (f"\n  kept in {folder}" if faults else ""))
    print("every event indexed exactly once, every alert and page once, accounting balances")


main()
