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

`--store elasticsearch` puts the events into a real OpenSearch (tests/opensearch/node.sh); `--engine-kills N` kills that too.

Usage: tests/kill.py --sekisho target/release/sekisho [--scenario correlation] [--events 300000] [--kills 20] [--seed 1]
       [--stream kafka] [--broker-kills 2] [--partitions 3] [--store elasticsearch] [--engine-kills 2]
       [--keep DIR]
Exit 0 when all of it holds. Only the standard library is used.
"""
import argparse, json, os, random, shutil, sqlite3, sys, tempfile, time

import kill_corpus
from harness import Broker, Node, OrderedSender, Sender, Service, differing, faults_of, memory_mib, run


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--sekisho", required=True)
    args.add_argument("--events", type=int, default=300_000)
    args.add_argument("--kills", type=int, default=20)
    args.add_argument("--seed", type=int, default=int(time.time()))
    args.add_argument("--pause", type=float, default=2.5, help="the most seconds between a start and its kill")
    args.add_argument("--rate", type=float, default=0, help="events a second; by default a run of about a second per kill")
    args.add_argument("--scenario", choices=["town", "correlation"], default="town")
    args.add_argument("--stream", choices=["embedded", "kafka"], default="embedded")
    args.add_argument("--broker-kills", type=int, default=0)
    args.add_argument("--broker-away", type=float, default=0, help="seconds for which it stays away; by default up to three")
    args.add_argument("--partitions", type=int, default=1)
    args.add_argument("--store", choices=["local", "elasticsearch"], default="local")
    args.add_argument("--engine-kills", type=int, default=0)
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
    engine = None
    if args.store == "elasticsearch":
        engine = Node(folder)
        engine.start()
    service = Service(args.sekisho, folder, generated, rules, stream, engine=engine)
    lines = {(s["tenant"], s["id"]): open(f"{generated}/{s['file']}", "rb").read().splitlines() for s in service.sources}
    total = sum(map(len, lines.values()))
    rate = args.rate or total / (args.kills * args.pause * 0.6 + 1)
    kills, broker_kills, engine_kills, starts, held = 0, 0, 0, [], ""
    while True:
        begun = time.time()
        service.start()
        starts.append(time.time() - begun)
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
            time.sleep(chance.uniform(0.1, args.pause))
            service.kill()
            kills += 1
            if args.kills <= 100 or kills % 50 == 0:
                print(f"kill {kills}: {sum(received.values())} of {total} were durable before", flush=True)
            for sender in senders:
                sender.join()
            continue
        while broker and broker_kills < args.broker_kills:
            time.sleep(chance.uniform(0.1, 2.5))
            broker.kill()
            broker_kills += 1
            print(f"kill {broker_kills} of the broker", flush=True)
            time.sleep(args.broker_away or chance.uniform(0.1, 3))
            held = f", {memory_mib(service.process):.0f} MiB held"
            broker.start()
            back = time.time()
        while engine and engine_kills < args.engine_kills:
            time.sleep(chance.uniform(0.1, 4))
            engine.kill()
            engine_kills += 1
            print(f"kill {engine_kills} of the engine", flush=True)
            time.sleep(chance.uniform(0.1, 5))
            engine.start()
        deadline = time.time() + 300 + total / 5000
        while time.time() < deadline:
            book, whole = service.accounting()
            if sum(row["indexed"] for row in book.values()) >= total:
                break
            time.sleep(0.2)
        break
    if broker_kills:
        held += f", all searchable {time.time() - back:.0f} s after the broker was back"
    time.sleep(1.5)
    book, whole = service.accounting()
    faults = []
    for key, wanted in lines.items():
        row = book.get(key, {})
        if not (row.get("received") == row.get("indexed") == len(wanted)):
            faults.append(f"accounting of {key}: {row}, sent {len(wanted)}")
    service.stop()

    found, indexed, alerts, pages = faults_of(service, lines, expected, exact_pages=not correlation)
    faults += found
    if correlation:
        faults += differing(expected, sqlite3.connect(f"{folder}/data/sekisho.db"))[:10]
    if broker:
        broker.kill()
    if engine:
        engine.kill()
    if not args.keep:
        shutil.rmtree(folder)
    ready = sorted(starts)[len(starts) * 99 // 100]
    what = (f"{args.stream}, {args.store}, {args.partitions} partitions, {kills} kills, {broker_kills} of the broker{held}, "
            f"{engine_kills} of the engine, p99 ready after {ready:.1f} s")
    print(f"{what}: {total} events, {indexed} indexed, {alerts} alerts, {pages} pages")
    if faults:
        sys.exit("FAILED\n  " + "\n  ".join(faults))
    print("every event indexed exactly once, every alert and page once, accounting balances")


main()
