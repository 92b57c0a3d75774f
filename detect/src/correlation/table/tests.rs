//! Who goes from a full table, and what is told of it.

use super::*;

const SECOND: i64 = stream::NANOS_PER_SECOND;
const LITTLE: usize = 0;
const TOLD: usize = 1;
const HALF: usize = 2;

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Counter {
    at: i64,
    fill: usize,
    bytes: usize,
}

impl Group for Counter {
    fn newest(&self) -> i64 {
        self.at
    }
    fn is_over(&self, now: i64) -> bool {
        self.at + 1_000 * SECOND < now
    }
    fn fill(&self) -> usize {
        self.fill
    }
    fn line_bytes(&self) -> usize {
        self.bytes
    }
}

fn put(table: &mut Table<Counter>, key: &str, at: i64, fill: usize) {
    table.with(&format!("1:t\u{1}{key}"), at, |group| *group = Counter { at, fill, bytes: 0 });
}

fn has(table: &Table<Counter>, key: &str) -> bool {
    table.groups.contains_key(format!("1:t\u{1}{key}").as_bytes())
}

fn told(table: &mut Table<Counter>) -> (u64, u64) {
    table.take_gone().iter().fold((0, 0), |sum, gone| (sum.0 + gone.evicted, sum.1 + gone.lost))
}

#[test]
fn groups_at_half_stay_up_to_twice_the_bound_and_newcomers_find_a_place() {
    let mut table = Table::bounded(1, 100);
    for key in 0..180 {
        put(&mut table, &format!("half{key}"), key, HALF);
    }
    for key in 0..10_000 {
        put(&mut table, &format!("{key}"), key, LITTLE);
        assert!(table.len() <= 200, "{}", table.len());
        assert!(key < 5 || (key - 5..=key).all(|near| has(&table, &near.to_string())), "the newest stay for a while");
    }
    assert!((0..180).all(|key| has(&table, &format!("half{key}"))));
    assert_eq!(table.evictions, 10_180 - table.len() as u64);
    assert_eq!(told(&mut table), (table.evictions, 0));
    assert_eq!(told(&mut table), (0, 0), "told once");
}

#[test]
fn what_cannot_be_held_is_said_and_alerts_raised_already_go_first() {
    let mut table = Table::bounded(1, 100);
    for key in 0..150 {
        put(&mut table, &format!("told{key}"), key, TOLD);
    }
    for key in 0..170 {
        put(&mut table, &format!("half{key}"), key, HALF);
        assert!(table.len() <= 200);
    }
    assert!((0..170).all(|key| has(&table, &format!("half{key}"))));
    assert!(has(&table, "told149") && !has(&table, "told0"));
    let (evicted, lost) = told(&mut table);
    assert_eq!((evicted, lost), (320 - table.len() as u64, 0));
    for key in 0..5_000 {
        put(&mut table, &format!("more{key}"), key, HALF);
        assert!(table.len() <= 200);
    }
    let (more, lost) = told(&mut table);
    assert_eq!(evicted + more + lost, table.evictions);
    assert!(lost > 4_800 && !has(&table, "half0") && has(&table, "more4999"));
}

#[test]
fn bytes_are_bounded_too() {
    let mut table = Table::bounded(1, 1000);
    for key in 0..900 {
        table.with(&format!("{key}"), key, |group: &mut Counter| {
            *group = Counter { at: key, fill: 0, bytes: 1 << 20 };
        });
        assert!(table.bytes <= 2 * BYTES_MAX);
    }
    assert!(table.evictions > 600 && table.groups.contains_key(&b"899"[..]) && !table.groups.contains_key(&b"0"[..]));
}

/// One line dated 2099, and even a few of them, end no group and do not make their own groups the last to go.
#[test]
fn a_wrong_clock_ends_nothing() {
    let mut table = Table::bounded(1, 100);
    let (now, far) = (1_790_000_000 * SECOND, 4_080_000_000 * SECOND);
    for key in 0..60 {
        put(&mut table, &format!("half{key}"), now, HALF);
    }
    for key in 0..8 {
        put(&mut table, &format!("far{key}"), far, LITTLE);
    }
    for key in 0..1_000 {
        put(&mut table, &format!("{key}"), now + key * SECOND, LITTLE);
    }
    assert!((0..60).all(|key| has(&table, &format!("half{key}"))));
    assert!((0..8).all(|key| !has(&table, &format!("far{key}"))), "they went when their turn came");
    for key in 0..2_000 {
        put(&mut table, &format!("{key}"), now + (2_000 + key) * SECOND, LITTLE);
    }
    assert!((0..60).all(|key| !has(&table, &format!("half{key}"))), "a right clock ends them");
    assert_eq!(told(&mut table).1, 0);
}

/// A collector that was cut off sends what is a day old while others send what is new.
#[test]
fn what_is_delivered_late_is_not_over_at_once() {
    let mut table = Table::bounded(1, 100);
    let now = 1_790_000_000 * SECOND;
    for key in 0..2_000 {
        put(&mut table, &format!("{key}"), now + key * SECOND / 10, LITTLE);
        if key % 40 == 0 {
            put(&mut table, "late", now - 86_400 * SECOND, HALF);
        }
        assert!(has(&table, "late"));
    }
}

#[test]
fn evictions_are_told_by_tenant_and_day() {
    let mut table = Table::bounded(1, 10);
    let midnight = 1_789_916_400 * SECOND;
    assert_eq!((midnight + JST_NANOS) % DAY_NANOS, 0);
    for n in 0..400 {
        let tenant = if n % 4 == 0 { "ken" } else { "machi" };
        let at = midnight + (n - 200) * 60 * SECOND;
        table.with(&format!("{}:{tenant}\u{1}{n}", tenant.len()), at, |group: &mut Counter| group.at = at);
    }
    let gone = table.take_gone();
    let mut days: Vec<(&str, i64)> =
        gone.iter().map(|gone| (gone.tenant.as_str(), (gone.day - midnight) / DAY_NANOS)).collect();
    days.sort_unstable();
    assert_eq!(days, [("ken", -1), ("ken", 0), ("machi", -1), ("machi", 0)]);
    assert!(gone.iter().all(|gone| gone.time >= gone.day && gone.time < gone.day + DAY_NANOS));
    assert_eq!(gone.iter().map(|gone| gone.evicted).sum::<u64>(), table.evictions);
}

#[test]
fn a_saved_table_goes_on_as_it_was() {
    let mut straight = Table::bounded(1, 20);
    let mut broken = Table::bounded(1, 20);
    for n in 0..300_i64 {
        let (key, at, fill) = ((n * 7 % 61).to_string(), n * 3 % 250 * SECOND, usize::from(n % 11 == 0) * 2);
        put(&mut straight, &key, at, fill);
        let bytes = postcard::to_allocvec(&broken.save()).unwrap();
        broken = Table::bounded(1, 20);
        broken.restore(postcard::from_bytes(&bytes).unwrap());
        assert_eq!(postcard::to_allocvec(&broken.save()).unwrap(), bytes);
        put(&mut broken, &key, at, fill);
    }
    assert_eq!(postcard::to_allocvec(&broken.save()).unwrap(), postcard::to_allocvec(&straight.save()).unwrap());
    assert!(straight.evictions > 20);
}

/// The changes of each step, applied to what was stored before, are the table; whatever goes, comes back or floods.
#[test]
fn stored_changes_add_up_to_the_table() {
    let mut table = Table::bounded(1, 20);
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let (mut small, mut floods) = (0, 0);
    for n in 0..3_000_i64 {
        let (key, fill) = ((n * 17 % 97 + n / 400 * 7).to_string(), usize::from(n % 11 == 0) * 2);
        put(&mut table, &key, n * 3 % 250 * SECOND, fill);
        let every = if n % 500 < 100 { 60 } else { 3 };
        if n % every != 0 {
            continue;
        }
        table.begin(n % 700 == 0);
        let saved = table.save();
        if saved.whole {
            parts.clear();
            floods += usize::from(n % 700 != 0);
        } else {
            small += usize::from(saved.groups.len() < 5);
        }
        parts.push(postcard::to_allocvec(&saved).unwrap());
        table.end(true);
        let mut again: Table<Counter> = Table::bounded(1, 20);
        parts.iter().for_each(|part| again.restore(postcard::from_bytes(part).unwrap()));
        assert_eq!(postcard::to_allocvec(&again.save()).unwrap(), postcard::to_allocvec(&table.save()).unwrap());
        assert_eq!(again.bytes, table.bytes);
        if n % 7 == 0 {
            // A restart goes on with the parts that are stored.
            again.end(true);
            table = again;
        }
    }
    assert!(small > 500 && floods > 2 && table.evictions > 500, "{small} {floods}");
}
