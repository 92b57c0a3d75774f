//! The form of a line: what is left when everything that differs from line to line is taken out.
//!
//! Lines that a device writes in the same place of its code have the same form, so counting forms tells which kind of line
//! a parser does not know. Runs of digits and hexadecimal digits become `0`, what stands between quotes `""`, and other
//! than ASCII characters `~`; at most [`FORM_CHARACTERS`] characters are looked at.

/// Characters of a form.
pub const FORM_CHARACTERS: usize = 200;

/// The form of a line.
pub fn form(line: &str) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if count >= FORM_CHARACTERS {
            break;
        }
        count += 1;
        let length = match c {
            '"' => {
                out.push_str("\"\"");
                rest[1..].find('"').map_or(rest.len(), |end| end + 2)
            }
            c if c.is_ascii_alphanumeric() => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                let word = &rest[..end];
                let number = word.bytes().any(|byte| byte.is_ascii_digit())
                    && word.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X'));
                if number {
                    out.push('0');
                } else {
                    word.chars().for_each(|c| out.push(if c.is_ascii_digit() { '0' } else { c }));
                }
                count += word.len() - 1;
                end
            }
            c if c.is_ascii_whitespace() || c.is_control() => {
                out.push(' ');
                rest.find(|c: char| !c.is_ascii_whitespace() && !c.is_control()).unwrap_or(rest.len())
            }
            c if c.is_ascii() => {
                out.push(c);
                1
            }
            _ => {
                out.push('~');
                rest.find(|c: char| c.is_ascii()).unwrap_or(rest.len())
            }
        };
        rest = &rest[length..];
    }
    out
}

/// A short name of a form: 8 hex digits of its BLAKE3.
pub fn fingerprint(line: &str) -> String {
    blake3::hash(form(line).as_bytes()).to_hex()[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_line_to_line_is_taken_out() {
        for (line, expected) in [
            ("<38>Nov 20 10:00:01 fw1 kernel: drop 192.0.2.1", "<0>Nov 0 0:0:0 fw0 kernel: drop 0.0.0.0"),
            ("user=\"佐藤 太郎\" id=0xDEADBEEF", "user=\"\" id=0"),
            ("端末 が 切断\u{1b}[0m", "~ ~ ~ [0m"),
            ("open \"never closed", "open \"\""),
            ("", ""),
        ] {
            assert_eq!(form(line), expected, "{line}");
        }
        assert_eq!(fingerprint("port 1 down"), fingerprint("port 24 down"));
        assert_ne!(fingerprint("port 1 down"), fingerprint("port 1 up"));
        assert!(form(&"a1-".repeat(10_000)).len() <= FORM_CHARACTERS + 2);
    }
}
