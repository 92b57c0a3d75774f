//! Charsets: raw bytes to text, never failing.
//!
//! Valid UTF-8 is borrowed as it is. What cannot be decoded becomes U+FFFD; the raw bytes stay in the stream either way.
//! ISO-2022-JP is seven bits, so it is valid UTF-8: when guessing, a line is read as that only if it holds a shift to
//! Japanese, every such text ends in a shift back, and nothing in it is damaged. A line whose sender wrote a shift into
//! a field to hide what follows is therefore read as it is.
//! Source: WHATWG Encoding Standard (`Shift_JIS` there is CP932, as Windows writes it), RFC 1468.

use bumpalo::Bump;
use encoding_rs::{EUC_JP, Encoding, ISO_2022_JP, SHIFT_JIS, UTF_8};

/// The charset of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8 where it is valid, else a guess among the Japanese charsets, line by line.
    #[default]
    Auto,
    /// UTF-8.
    Utf8,
    /// CP932, Microsoft's Shift_JIS.
    Cp932,
    /// EUC-JP.
    EucJp,
    /// ISO-2022-JP, the charset of Japanese mail (JIS).
    Iso2022Jp,
}

impl Charset {
    /// The charset of this name: `auto`, `utf-8`, `cp932` (or `shift_jis`, `sjis`), `euc-jp`, `iso-2022-jp` (or `jis`).
    pub fn from_name(name: &str) -> Option<Charset> {
        match name.trim().to_ascii_lowercase().replace('_', "-").as_str() {
            "" | "auto" => Some(Charset::Auto),
            "utf-8" | "utf8" => Some(Charset::Utf8),
            "cp932" | "shift-jis" | "sjis" | "ms932" | "windows-31j" => Some(Charset::Cp932),
            "euc-jp" | "eucjp" => Some(Charset::EucJp),
            "iso-2022-jp" | "iso2022jp" | "jis" | "csiso2022jp" => Some(Charset::Iso2022Jp),
            _ => None,
        }
    }

    /// Decodes a line. The second value names the charset when it is not UTF-8.
    pub fn decode<'a>(self, raw: &'a [u8], arena: &'a Bump) -> (&'a str, Option<&'static str>) {
        let encoding = match self {
            Charset::Cp932 => SHIFT_JIS,
            Charset::EucJp => EUC_JP,
            Charset::Iso2022Jp => ISO_2022_JP,
            Charset::Auto | Charset::Utf8 => match simdutf8::basic::from_utf8(raw) {
                Ok(text) if self == Charset::Auto && shifts(raw) => {
                    match ISO_2022_JP.decode_without_bom_handling(raw) {
                        (decoded, false) => return (arena.alloc_str(&decoded), Some(name(ISO_2022_JP))),
                        _ => return (text, None),
                    }
                }
                Ok(text) => return (text, None),
                Err(_) if self == Charset::Auto => guess(raw),
                Err(_) => UTF_8,
            },
        };
        match encoding.decode_without_bom_handling(raw).0 {
            std::borrow::Cow::Borrowed(text) => (text, None),
            std::borrow::Cow::Owned(text) => (arena.alloc_str(&text), Some(name(encoding))),
        }
    }
}

/// Whether the bytes hold a shift to a Japanese set (`ESC $ B`, `ESC $ @`, `ESC ( I`), and the last shift is one back
/// (`ESC ( B`, `ESC ( J`).
fn shifts(raw: &[u8]) -> bool {
    let Some(last) = memchr::memrchr(0x1b, raw) else { return false };
    let back = matches!(raw.get(last + 1..last + 3), Some(b"(B" | b"(J"));
    back && memchr::memchr_iter(0x1b, raw).any(|at| matches!(raw.get(at + 1..at + 3), Some(b"$B" | b"$@" | b"(I")))
}

/// The Japanese charset that the bytes look like.
fn guess(raw: &[u8]) -> &'static Encoding {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(raw, true);
    let guessed = detector.guess(Some(b"jp"), chardetng::Utf8Detection::Allow);
    if [SHIFT_JIS, EUC_JP].contains(&guessed) { guessed } else { UTF_8 }
}

fn name(encoding: &'static Encoding) -> &'static str {
    match encoding.name() {
        "Shift_JIS" => "cp932",
        "EUC-JP" => "euc-jp",
        "ISO-2022-JP" => "iso-2022-jp",
        _ => "utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_text_is_read_in_every_charset() {
        let arena = Bump::new();
        let text = "devname=住民課ファイアウォール action=許可しない";
        let (cp932, euc) = (SHIFT_JIS.encode(text).0, EUC_JP.encode(text).0);
        assert_eq!(Charset::Cp932.decode(&cp932, &arena), (text, Some("cp932")));
        assert_eq!(Charset::EucJp.decode(&euc, &arena), (text, Some("euc-jp")));
        assert_eq!(Charset::Auto.decode(&cp932, &arena).0, text);
        assert_eq!(Charset::Auto.decode(&euc, &arena).0, text);
        assert_eq!(Charset::Auto.decode(text.as_bytes(), &arena), (text, None));
    }

    #[test]
    fn seven_bit_japanese_is_told_by_its_shifts() {
        let arena = Bump::new();
        let jis = b"Subject: \x1b$BEl5~ET\x1b(B user=sato";
        assert_eq!(Charset::Auto.decode(jis, &arena), ("Subject: 東京都 user=sato", Some("iso-2022-jp")));
        assert_eq!(Charset::from_name("ISO-2022-JP"), Some(Charset::Iso2022Jp));
        assert_eq!(Charset::Iso2022Jp.decode(jis, &arena).0, "Subject: 東京都 user=sato");
        // A shift that is never taken back, damage, colours of a terminal: the line stays as it is.
        for line in ["agent=\u{1b}$BEl5~ET action=blocked", "a \u{1b}$Bx\u{1b}(B b", "\u{1b}[31mred\u{1b}[0m"] {
            assert_eq!(Charset::Auto.decode(line.as_bytes(), &arena), (line, None), "{line:?}");
        }
        assert_eq!(Charset::Utf8.decode(jis, &arena).1, None);
    }

    #[test]
    fn broken_bytes_become_replacement_characters() {
        let arena = Bump::new();
        assert_eq!(Charset::Utf8.decode(b"a\xffb", &arena), ("a\u{fffd}b", Some("utf-8")));
        assert!(!Charset::Auto.decode(b"\xff\xfe\x00\x80", &arena).0.is_empty());
        assert_eq!(Charset::from_name("Shift_JIS"), Some(Charset::Cp932));
        assert_eq!(Charset::from_name("latin1"), None);
    }
}
