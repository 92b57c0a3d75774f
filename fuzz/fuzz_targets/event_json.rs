//! An event as JSON, judged by rules of every kind: never a panic, and judged twice it matches the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

const RULES: &[u8] = br#"
title: fields
id: r-1
logsource: {}
detection:
  a:
    user.name|contains: [adm, 'a*b', "\u017f"]
    destination.port|lt: 1024
  b:
    url.original|re: '(?i)x{2,4}[a-f]+'
    source.ip|cidr: 192.0.2.0/24
  c:
    f: null
  k:
    - mimikatz
    - 4711
  condition: (a or b or k) and not c
level: low
sekisho:
  suppress: {by: [user.name], for: 1m}
---
title: keys
id: r-2
logsource: {category: firewall}
detection:
  s:
    event.action|exists: true
  condition: s
level: low
sekisho:
  first_seen: {by: [user.name, source.ip], ttl: 7d, learn: 1d}
  beacon: {by: [source.ip, destination.ip], sources_max: 3}
---
title: count
id: r-3
name: count
correlation:
  type: value_count
  rules: [r-2]
  group-by: [source.ip]
  timespan: 5m
  condition: {field: user.name, gte: 3}
level: low
"#;

fuzz_target!(|data: &[u8]| fuzz::judge(RULES, data));
