#!/usr/bin/env python3
"""Raw -> searchable on the embedded stream and on a real Apache Kafka, with one and several partitions.

For each kind of stream: `sekisho import` puts the lines of `sekisho generate` into the stream, then `sekisho run` works the
whole of it off. Printed: events a second of wall clock and CPU microseconds per event of the import and of the run (from its
start to the last event searchable, start-up included), the broker's CPU apart, and the number of alerts, which must be equal.

`--workers 1,2,3` does the same with the roles as processes of their own on Kafka: first so many processes with role process, of
one thread each, work the stream off alone (from when each has its partitions until all is committed), then correlate and
serve follow.

Usage: benches/stream.py --sekisho target/release/sekisho [--events 1000000] [--partitions 1,2] [--workers 1,2,3]
"""
import argparse, json, os, re, shutil, socket, sqlite3, subprocess, sys, tempfile, time, tomllib, urllib.request

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


def configure(folder, generated, kind, partitions):
    """Writes a configuration; gives the arguments that name it, and the broker that it needs."""
    port, kafka, process = free_port(), "", None
    if kind == "kafka":
        kafka_port = free_port()
        process = broker(folder, kafka_port)
        kafka = (f'kind = "kafka"\n[stream.kafka]\nbrokers = ["127.0.0.1:{kafka_port}"]\nreplication = 1\n'
                 'min_insync_replicas = 1\n')
    with open(f"{folder}/sekisho.toml", "w") as out:
        out.write(f'data = "data"\ntenants = "{generated}/tenants"\nsources = "{generated}/sources.toml"\nworkers = 1\n'
                  f'revisions = "revisions"\n[dashboards]\nlisten = "127.0.0.1:{port}"\n'
                  f'[stream]\nraw_partitions = {partitions}\n{kafka}')
    return ["--config", f"{folder}/sekisho.toml"], process


def import_all(args, generated, config):
    sources = tomllib.load(open(f"{generated}/sources.toml", "rb"))["source"]
    tenants = {}
    for source in sources:
        tenants.setdefault(source["tenant"], []).append(f"{source['id']}={generated}/{source['file']}")
    for tenant, files in tenants.items():
        done = subprocess.run([args.sekisho, "import", *config, "--tenant", tenant, *files], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"import: {done.stderr}")


def alerts_of(data):
    return sqlite3.connect(f"{data}/sekisho.db").execute(
        "select group_concat(id) from (select id from alerts where withdrawn = 0 order by id)").fetchone()[0] or ""


def start(args, config, folder, name, *more):
    log = open(f"{folder}/{name}.log", "ab")
    return subprocess.Popen([args.sekisho, "run", *config, *more], stdout=log, stderr=log)


def figures(port, name, labels):
    """Partition -> value of a metric."""
    try:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    except OSError:
        return {}
    found = re.findall(rf'^{name}{{([^}}]*)}} (\S+)$', text, re.M)
    return {re.search('partition="(\\d+)"', of)[1]: float(value) for of, value in found if labels in of}


def measure_roles(args, generated, workers, partitions, events, offline):
    folder = tempfile.mkdtemp(prefix="sekisho-stream-")
    config, process = configure(folder, generated, "kafka", partitions)
    import_all(args, generated, config)
    ports, running = [free_port() for _ in range(workers)], []
    began, before = time.time(), cpu(process.pid)
    for number, port in enumerate(ports):
        running.append(start(args, config, folder, f"process-{number}", "--role", "process", "--data",
                             f"{folder}/process-{number}", "--metrics", f"127.0.0.1:{port}"))
    end, begins = None, None
    while end is None or sum(done.values()) < end:
        time.sleep(0.05)
        done, ends = {}, {}
        for one, port in zip(running, ports):
            if one.poll() is not None:
                sys.exit(f"a worker stopped; see {folder}")
            for partition, offset in figures(port, "sekisho_stream_group_offset", 'group="sekisho-process"').items():
                done[partition] = max(offset, done.get(partition, 0))
            ends.update(figures(port, "sekisho_stream_end_offset", 'topic="sekisho.raw"'))
        if len(done) == partitions and begins is None:
            begins = (time.time(), sum(done.values()), [cpu(one.pid) for one in running])
        end = sum(ends.values()) if len(done) == partitions else None
    took, worked = time.time() - begins[0], end - begins[1]
    used = sum(cpu(one.pid) for one in running)
    own = (cpu(process.pid) - before) * 1e6 / events
    began = time.time()
    for role in ["correlate", "serve"]:
        running.append(start(args, config, folder, role, "--role", role, "--data", f"{folder}/{role}"))
    alerts = None
    while time.time() < began + 600 and alerts != offline:
        time.sleep(0.5)
        try:
            alerts = alerts_of(f"{folder}/serve")
        except sqlite3.OperationalError:
            continue
    behind = time.time() - began
    for one in running:
        one.terminate()
        one.wait()
    process.kill()
    process.wait()
    print(f"roles    {partitions} partitions, {workers} workers: process {worked / took:8.0f}/s {used * 1e6 / events:5.2f} us, broker "
          f"{own:5.2f} us; correlate and serve done {behind:.0f} s later; {len((alerts or '').split(','))} alerts", flush=True)
    shutil.rmtree(folder)
    return alerts


def measure(args, generated, kind, partitions, events):
    folder = tempfile.mkdtemp(prefix="sekisho-stream-")
    config, process = configure(folder, generated, kind, partitions)
    began, before = time.time(), process and cpu(process.pid)
    used = os.times()
    import_all(args, generated, config)
    imported, now = time.time() - began, os.times()
    import_cpu = now.children_user - used.children_user + now.children_system - used.children_system
    began = time.time()
    run = start(args, config, folder, "run")
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
    alerts = alerts_of(f"{folder}/data")
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
    args.add_argument("--workers", default="", help="with roles apart, on as many partitions as the most of these")
    args = args.parse_args()
    args.sekisho = os.path.abspath(args.sekisho)
    folder = tempfile.mkdtemp(prefix="sekisho-stream-")
    generated = f"{folder}/generated"
    subprocess.run([args.sekisho, "generate", "--profile", "town", "--seed", "7", "--events", str(args.events), "--out",
                    generated], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    offline = subprocess.run([args.sekisho, "detect", "--input", generated], check=True, capture_output=True, text=True).stdout
    offline = ",".join(sorted(json.loads(line)["id"] for line in offline.splitlines()))
    found = {measure(args, generated, kind, int(partitions), args.events)
             for kind in filter(None, args.kinds.split(",")) for partitions in args.partitions.split(",")}
    workers = [int(count) for count in filter(None, args.workers.split(","))]
    found |= {measure_roles(args, generated, count, max(workers), args.events, offline) for count in workers}
    found.add(offline)
    shutil.rmtree(folder)
    if len(found) != 1:
        sys.exit("FAILED: the alerts differ")
    print("the alerts' ids are the same everywhere, and those of sekisho detect")


main()
