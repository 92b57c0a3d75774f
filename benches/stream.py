#!/usr/bin/env python3
"""Raw -> searchable on the embedded stream and on a real Apache Kafka, with one and several partitions.

For each kind of stream: `sekisho import` puts the lines of `sekisho generate` into the stream, then `sekisho run` works the
whole of it off. Printed: events a second of wall clock and CPU microseconds per event of the import and of the run (from its
start to the last event searchable, start-up included), the broker's CPU apart, and the number of alerts, which must be equal.

Usage: benches/stream.py --sekisho target/release/sekisho [--events 1000000] [--partitions 1,2]
"""
import argparse, json, os, shutil, socket, sqlite3, subprocess, sys, tempfile, time, tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def broker(folder, port):
    log = open(f"{folder}/broker.log", "wb")
    process = subprocess.Popen(["bash", f"{ROOT}/tests/kafka/broker.sh", "run", folder, str(port)], stdout=log, stderr=log)
    for _ in range(900):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            time.sleep(0.1)
    sys.exit(f"kafka did not start; see {folder}/broker.log")


def measure(args, generated, kind, partitions, events):
    folder = tempfile.mkdtemp(prefix="sekisho-stream-")
    port, kafka, process = free_port(), "", None
    if kind == "kafka":
        kafka_port = free_port()
        process = broker(folder, kafka_port)
        kafka = (f'kind = "kafka"\n[stream.kafka]\nbrokers = ["127.0.0.1:{kafka_port}"]\nreplication = 1\n'
                 'min_insync_replicas = 1\n')
    with open(f"{folder}/sekisho.toml", "w") as out:
        out.write(f'data = "data"\ntenants = "{generated}/tenants"\nsources = "{generated}/sources.toml"\n'
                  f'[dashboards]\nlisten = "127.0.0.1:{port}"\n[stream]\nraw_partitions = {partitions}\n{kafka}')
    config = ["--config", f"{folder}/sekisho.toml"]
    sources = tomllib.load(open(f"{generated}/sources.toml", "rb"))["source"]
    tenants = {}
    for source in sources:
        tenants.setdefault(source["tenant"], []).append(f"{source['id']}={generated}/{source['file']}")
    began, before = time.time(), process and cpu(process.pid)
    used = os.times()
    for tenant, files in tenants.items():
        done = subprocess.run([args.sekisho, "import", *config, "--tenant", tenant, *files], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"import: {done.stderr}")
    imported, now = time.time() - began, os.times()
    import_cpu = now.children_user - used.children_user + now.children_system - used.children_system
    began = time.time()
    with open(f"{folder}/run.log", "wb") as log:
        run = subprocess.Popen([args.sekisho, "run", *config], stdout=log, stderr=log)
    while True:
        time.sleep(0.05)
        if run.poll() is not None:
            sys.exit(open(f"{folder}/run.log").read()[-2000:])
        try:
            book = json.load(open(f"{folder}/data/accounting.json"))
        except (OSError, ValueError):
            continue
        if sum(row["indexed"] for row in book["sources"]) >= events:
            break
    took, run_cpu = time.time() - began, cpu(run.pid)
    run.terminate()
    run.wait()
    broker_cpu = f", broker {(cpu(process.pid) - before) * 1e6 / events:5.2f} us" if process else ""
    if process:
        process.kill()
        process.wait()
    alerts = sqlite3.connect(f"{folder}/data/sekisho.db").execute(
        "select group_concat(id) from (select id from alerts where withdrawn = 0 order by id)").fetchone()[0] or ""
    shutil.rmtree(folder)
    print(f"{kind:8} {partitions} partitions: import {events / imported:8.0f}/s {import_cpu * 1e6 / events:5.2f} us; "
          f"run {events / took:8.0f}/s {run_cpu * 1e6 / events:5.2f} us{broker_cpu}; {len(alerts.split(','))} alerts", flush=True)
    return alerts


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--sekisho", required=True)
    args.add_argument("--events", type=int, default=1_000_000)
    args.add_argument("--partitions", default="1,2")
    args.add_argument("--kinds", default="embedded,kafka")
    args = args.parse_args()
    args.sekisho = os.path.abspath(args.sekisho)
    folder = tempfile.mkdtemp(prefix="sekisho-stream-")
    generated = f"{folder}/generated"
    subprocess.run([args.sekisho, "generate", "--profile", "town", "--seed", "7", "--events", str(args.events), "--out",
                    generated], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    offline = subprocess.run([args.sekisho, "detect", "--input", generated], check=True, capture_output=True, text=True).stdout
    found = {measure(args, generated, kind, int(partitions), args.events)
             for kind in args.kinds.split(",") for partitions in args.partitions.split(",")}
    found.add(",".join(sorted(json.loads(line)["id"] for line in offline.splitlines())))
    shutil.rmtree(folder)
    if len(found) != 1:
        sys.exit("FAILED: the alerts differ")
    print("the alerts' ids are the same everywhere, and those of sekisho detect")


main()
