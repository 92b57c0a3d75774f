//! Tests of framing.

use super::*;

/// All frames of a connection that comes in these pieces.
fn frames(framing: Framing, pieces: &[&[u8]]) -> Vec<(Vec<u8>, u64)> {
    let mut framer = Framer::new(framing);
    let mut found = Vec::new();
    for piece in pieces {
        framer.buffer().extend_from_slice(piece);
        while let Some(frame) = framer.next_frame() {
            found.push((frame.raw.to_vec(), frame.cut_bytes));
        }
        assert!(framer.buffer().len() <= MESSAGE_BYTES_MAX + COUNT_DIGITS_MAX + 1);
    }
    while let Some(frame) = framer.finish() {
        found.push((frame.raw.to_vec(), frame.cut_bytes));
    }
    found
}

fn texts(bytes: &[u8]) -> Vec<String> {
    frames(Framing::Auto, &[bytes]).into_iter().map(|(raw, _)| String::from_utf8(raw).unwrap()).collect()
}

#[test]
fn both_framings_are_told_by_their_first_bytes() {
    assert_eq!(texts(b"<34>a\n<34>b\r\n<34>c"), ["<34>a", "<34>b", "<34>c"]);
    assert_eq!(texts(b"<34>a\0<34>b\0"), ["<34>a", "<34>b"]);
    assert_eq!(texts(b"5 <34>a6 <34>\n\n7 <34>abc"), ["<34>a", "<34>\n", "<34>abc"]);
    assert_eq!(texts(b"6 <34>a\n6 <34>b\n"), ["<34>a", "<34>b"]);
    assert_eq!(texts(b"5 <34>a\n5 <34>b\n"), ["<34>a", "<34>b"]);
    // Lines that begin with digits are lines.
    assert_eq!(texts(b"1700000000.123 90 x\n12 apples\n"), ["1700000000.123 90 x", "12 apples"]);
    assert_eq!(texts(b"2026-11-20T10:00:00Z host x\n"), ["2026-11-20T10:00:00Z host x"]);
    assert_eq!(texts(b"a\n\nb"), ["a", "", "b"]);
    assert!(texts(b"").is_empty());
}

#[test]
fn a_sender_that_leaves_octet_counting_is_read_by_lines() {
    assert_eq!(texts(b"5 <34>a<34>b\n<34>c\n"), ["<34>a", "<34>b", "<34>c"]);
    assert_eq!(texts(b"5 <34>a99999999999 <34>b\nc"), ["<34>a", "99999999999 <34>b", "c"]);
    // A count that is larger than what comes: the rest is kept.
    assert_eq!(texts(b"50 <34>a"), ["<34>a"]);
}

#[test]
fn long_messages_are_cut_and_counted() {
    for extra in [0, 1, 2, 1000] {
        let line = vec![b'x'; MESSAGE_BYTES_MAX + extra];
        let mut lf = line.clone();
        lf.extend_from_slice(b"\r\nnext\n");
        let mut counted = format!("{} ", line.len()).into_bytes();
        counted.extend_from_slice(&line);
        counted.extend_from_slice(b"4 next");
        for (framing, bytes) in [(Framing::Lf, lf), (Framing::OctetCounted, counted)] {
            let found = frames(framing, &[&bytes]);
            assert_eq!(found.len(), 2, "{framing:?} {extra}");
            assert_eq!(found[0].0.len(), MESSAGE_BYTES_MAX);
            // A line longer than the limit and its CR counts its CR too.
            assert!(found[0].1 >= extra as u64 && found[0].1 <= extra as u64 + 1, "{framing:?} {extra}");
            assert_eq!(found[1].0, b"next");
        }
    }
}

proptest::proptest! {
    #[test]
    fn frames_do_not_depend_on_reads(
        bytes in proptest::collection::vec(proptest::sample::select(b"0129 <>\n\r\0ab".to_vec()), 0..200),
        cuts in proptest::collection::vec(0usize..200, 0..20),
    ) {
        let whole = frames(Framing::Auto, &[&bytes]);
        proptest::prop_assert_eq!(&whole, &frames(Framing::Auto, &pieces(&bytes, cuts.clone())));
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        proptest::prop_assert_eq!(&whole, &frames(Framing::Auto, &singles));
    }

    #[test]
    fn lines_survive_any_reads(
        lines in proptest::collection::vec("[a-z0-9 <>]{0,20}", 0..20),
        counted: bool,
        cuts in proptest::collection::vec(0usize..400, 0..20),
    ) {
        let lines: Vec<String> = lines.into_iter().map(|line| format!("<1>{line}")).collect();
        let wire: String = lines
            .iter()
            .map(|line| if counted { format!("{} {line}", line.len()) } else { format!("{line}\n") })
            .collect();
        let found = frames(Framing::Auto, &pieces(wire.as_bytes(), cuts));
        let found: Vec<String> = found.into_iter().map(|(raw, _)| String::from_utf8(raw).unwrap()).collect();
        proptest::prop_assert_eq!(found, lines);
    }

    #[test]
    fn long_lines_do_not_depend_on_reads(
        lengths in proptest::collection::vec(MESSAGE_BYTES_MAX - 2..MESSAGE_BYTES_MAX + 5, 1..3),
        counted: bool,
        step in 1000usize..70_000,
    ) {
        let mut wire = Vec::new();
        for length in &lengths {
            if counted {
                wire.extend_from_slice(format!("{length} <").as_bytes());
                wire.resize(wire.len() + length - 1, b'x');
            } else {
                wire.resize(wire.len() + length, b'x');
                wire.extend_from_slice(b"\r\n");
            }
        }
        let pieces: Vec<&[u8]> = wire.chunks(step).collect();
        proptest::prop_assert_eq!(frames(Framing::Auto, &[&wire]), frames(Framing::Auto, &pieces));
    }
}

fn pieces(bytes: &[u8], cuts: Vec<usize>) -> Vec<&[u8]> {
    let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}
