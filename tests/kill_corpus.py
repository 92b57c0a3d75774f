"""Logs and rules that keep every kind of correlation busy, for `tests/kill.py --scenario correlation`.

sshd lines of six sources of two bodies, all within forty minutes of event time. People fail and succeed to sign in in
bursts at several hosts at once; sources run up to three minutes behind each other and lines of one source are up to
ninety seconds out of order, so that most windows see late events, well within the allowed lateness. The rules cover counting,
values, order, conditions that more events undo, suppression, and a chain of three.

`write` gives the lines in the order in which they are to arrive: (source key, line).
"""
import os, random, time

SPAN = 2400
SOURCES = [("town", "srv01"), ("town", "srv02"), ("town", "web01"), ("town", "vpn01"), ("ken", "srv01"), ("ken", "relay01")]

BASE = """title: {title}
id: base-{name}
name: {name}
logsource: {{product: linux, service: sshd}}
detection:
  s:
    event.action: ssh_login
    event.outcome: {outcome}
    user.name|startswith: {users}
  condition: s
"""

RULES = """title: many failures
id: many-failures
correlation: {type: event_count, rules: [failure], group-by: [user.name, source.ip], timespan: 3m, condition: {gte: 6}}
level: medium
---
title: spraying
id: spraying
correlation: {type: value_count, rules: [failure], group-by: [source.ip], timespan: 5m, condition: {field: user.name, gte: 9}}
level: high
---
title: several failures
id: several-failures
name: several
correlation: {type: event_count, rules: [failure], group-by: [user.name], timespan: 4m, condition: {gte: 4}}
level: low
---
title: failures, then a success
id: then-success
name: then_success
correlation: {type: temporal_ordered, rules: [several, success], group-by: [user.name], timespan: 6m, generate: true}
level: high
sekisho: {page: true}
---
title: failures, then a success, for several people
id: several-people
correlation: {type: value_count, rules: [then_success], group-by: [source.ip], timespan: 10m, condition: {field: user.name, gte: 2}, generate: true}
level: critical
---
title: exactly three
id: exactly-three
name: exactly
correlation: {type: event_count, rules: [quiet_failure], group-by: [user.name], timespan: 90s, condition: {eq: 3}}
level: low
---
title: few after exactly three
id: few-after
correlation: {type: event_count, rules: [exactly], group-by: [source.ip], timespan: 2m, condition: {lte: 2}, generate: true}
level: low
---
title: not two
id: not-two
correlation: {type: value_count, rules: [quiet_success], group-by: [user.name], timespan: 2m, condition: {field: source.ip, neq: 2}}
level: low
---
title: sign-in as root
id: root
logsource: {product: linux, service: sshd}
detection: {s: {event.outcome: success, user.name: root}, condition: s}
level: medium
sekisho: {suppress: {by: [source.ip], for: 3m}}
"""


def write(folder, events, seed):
    chance = random.Random(seed)
    start = int(time.time()) - 2 * SPAN
    os.makedirs(f"{folder}/rules")
    bases = [("failure", "failure", "u"), ("success", "success", "u"), ("quiet_failure", "failure", "q"), ("quiet_success", "success", "q")]
    with open(f"{folder}/rules/correlation.yml", "w") as out:
        out.write("---\n".join(BASE.format(title=name, name=name, outcome=outcome, users=users) for name, outcome, users in bases))
        out.write("---\n" + RULES)
    lags = {key: chance.uniform(0, 180) for key in SOURCES}
    lines = []
    while len(lines) < events:
        burst(chance, start, lags, lines)
    lines = sorted(lines[:events], key=lambda line: line[0])
    os.makedirs(f"{folder}/logs")
    with open(f"{folder}/sources.toml", "w") as out:
        for tenant, source in SOURCES:
            out.write(f'[[source]]\ntenant = "{tenant}"\nid = "{source}"\nproduct = "system"\nfile = "logs/{tenant}-{source}.log"\n'
                      'tz = "Asia/Tokyo"\n\n')
    files = {key: open(f"{folder}/logs/{key[0]}-{key[1]}.log", "wb") for key in SOURCES}
    for _, key, line in lines:
        files[key].write(line + b"\n")
    for file in files.values():
        file.close()
    return [(key, line) for _, key, line in lines]


def burst(chance, start, lags, lines):
    """A few minutes of one person, or of one address trying many people."""
    begin = chance.uniform(0, SPAN - 300)
    tenant = chance.choice(SOURCES)[0]
    hosts = [key for key in SOURCES if key[0] == tenant]
    user, address = f"u{chance.randrange(4000)}", f"{chance.choice(['192.0.2', '198.51.100', '203.0.113'])}.{chance.randrange(1, 255)}"
    kind = chance.random()
    for _ in range(chance.randint(1, 14)):
        at, outcome = begin + chance.expovariate(1 / 60), chance.random() < 0.2
        if kind < 0.15:
            user = f"u{chance.randrange(4000)}"
        elif kind < 0.35:
            user, outcome = f"q{int(begin) % 97}", chance.random() < 0.4
            address = f"192.0.2.{chance.randrange(1, 9)}"
        elif kind < 0.4:
            user, outcome = "root", True
        key = chance.choice(hosts)
        arrives = at + lags[key] + chance.uniform(0, 90)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+09:00", time.gmtime(start + int(at) + 9 * 3600))
        word = "Accepted" if outcome else "Failed"
        pid, port = 1000 + len(lines), chance.randrange(1024, 65535)
        line = f"<86>{stamp} {key[1]} sshd[{pid}]: {word} password for {user} from {address} port {port} ssh2"
        lines.append((arrives, key, line.encode()))
