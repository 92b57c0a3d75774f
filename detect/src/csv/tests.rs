//! What Excel and people write, and where the problems point.

use super::*;

const SCHEMA: [Column; 4] = [required("name"), optional("valid_from"), optional("valid_until"), optional("note")];

fn parse(text: &str) -> (Option<Table>, Vec<Problem>) {
    let mut problems = Problems::default();
    let table = Table::parse(Path::new("t.csv"), text, &SCHEMA, &mut problems);
    (table, problems.into_vec())
}

fn names(text: &str) -> Vec<String> {
    let (table, problems) = parse(text);
    assert_eq!(problems, []);
    table.unwrap().records().map(|record| record.get(0).to_owned()).collect()
}

#[test]
fn line_ends_quotes_comments_and_empty_lines() {
    let text = "# 見出しの前の注記\r\nname,note,extra\r\n\r\n\"a,1\",\"x\"\"y\r\nz\",e\r\n,,\r\n#c,注記\r\n b　,\r\nc";
    assert_eq!(names(text), ["a,1", "b", "c"]);
    let (table, _) = parse(text);
    let table = table.unwrap();
    let first = table.records().next().unwrap();
    assert_eq!(first.get(3), "x\"y\nz");
    assert_eq!(first.cells().collect::<Vec<_>>(), ["a,1", "x\"y\nz", "e"]);
    assert_eq!(table.header(), ["name", "note", "extra"]);
    assert_eq!(table.records().nth(1).map(|record| record.line()), Some(8));
}

#[test]
fn charsets() {
    let text = "name,note\r\n税務課,髙﨑\r\n";
    let (cp932, _, _) = encoding_rs::SHIFT_JIS.encode(text);
    assert_eq!(decode(text.as_bytes()).as_deref(), Ok(text));
    assert_eq!(decode(&[b"\xef\xbb\xbf", text.as_bytes()].concat()).as_deref(), Ok(text));
    assert_eq!(decode(&cp932).as_deref(), Ok(text));
    assert_eq!(decode(b"name\n\xff\xff\n"), Err(2));
    assert_eq!(decode(b"\xff\xfen\0a\0"), Err(1));
}

#[test]
fn a_broken_row_does_not_hide_the_others() {
    let (table, problems) = parse("name,note\n\"a\"x,1\nb,2\nc,3,4\nd,,\n\"e,5\n");
    let table = table.unwrap();
    assert_eq!(table.records().map(|record| record.get(0)).collect::<Vec<_>>(), ["b", "d"]);
    let places: Vec<_> = problems.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(2, 1), (6, 1), (4, 5)]);
}

#[test]
fn headers() {
    assert!(parse("").0.is_none());
    let (table, problems) = parse("valid_until,note\n");
    assert!(table.is_none());
    assert!(problems[0].to_string().contains("`name` is missing"), "{}", problems[0]);
    let (table, problems) = parse("name,valid_untill\na,2027-03-31\n");
    assert!(table.is_none(), "a misspelt date column must not become an open end");
    assert_eq!(problems[0].to_string(), "t.csv:1:6: no column is named `valid_untill`; write `valid_until`");
    assert!(parse("name,note,note\n").0.is_none());
    assert_eq!(names("note,備考,name\n1,2,3\n"), ["3"]);
}

#[test]
fn validity_of_a_row() {
    let (table, _) = parse("name,valid_from,valid_until\na,R8.4.1,R9.3.31\nb,,\nc,2027-04-01,2027-03-31\nd,x,y\n");
    let table = table.unwrap();
    let mut problems = Problems::default();
    let found: Vec<_> = table.records().map(|record| record.validity(1, 2, &mut problems)).collect();
    let day = |text| Day::parse(text).unwrap();
    assert_eq!(found[0], Some(Validity { from: day("2026-04-01"), until: day("2027-03-31") }));
    assert_eq!(found[1], Some(Validity::ALWAYS));
    assert_eq!(found[2..], [None, None]);
    let problems = problems.into_vec();
    assert_eq!(problems.len(), 3);
    assert_eq!((problems[1].line, problems[1].column), (5, 3));
    assert!(problems[1].to_string().starts_with("t.csv:5:3: valid_from: `x` is not a date; write 2027-03-31"));
}

#[test]
fn near_names() {
    assert_eq!(nearest("lgwna", ["lgwan", "dmz"]), Some("lgwan"));
    assert_eq!(nearest("x", ["dmz"]), None);
    assert_eq!(nearest("no", ["to", "from"]), None);
    assert_eq!(nearest("Form", ["to", "from"]), None);
    assert_eq!(nearest("froms", ["to", "from"]), Some("from"));
}
