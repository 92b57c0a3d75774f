//! Commands of RELP, the Reliable Event Logging Protocol (version 0), as a server reads them.
//!
//! ```text
//! TXNR SP COMMAND SP DATALEN [SP DATA] LF          2 syslog 19 <13>Nov 20 10:00 x
//! ```
//!
//! A transaction number and a length have at most nine digits, a command at most 32 letters. Of data longer than
//! [`MESSAGE_BYTES_MAX`] the beginning is kept, and the rest is counted in [`Command::cut_bytes`]. Memory: one command
//! and one read.

use bytes::{Buf as _, Bytes, BytesMut};

use super::MESSAGE_BYTES_MAX;

const DIGITS_MAX: usize = 9;
const NAME_BYTES_MAX: usize = 32;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The number that the answer carries.
    pub transaction: u32,
    /// `open`, `syslog`, `close`, or what it does not know.
    pub name: String,
    /// Its data; may be empty.
    pub data: Bytes,
    /// How many bytes of data were beyond the limit and not kept.
    pub cut_bytes: u64,
}

/// The bytes are no RELP; where the next command begins cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Cuts a connection's bytes into commands.
#[derive(Debug, Default)]
pub struct Commands {
    buffer: BytesMut,
    /// The command in work, once its data is longer than the limit, and the bytes of it still to come.
    long: Option<(Command, usize)>,
}

impl Commands {
    /// Where the next bytes that were read belong, at the end. Call [`Commands::next_command`] until it gives none
    /// before reading more.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole command.
    ///
    /// # Errors
    /// [`Malformed`]: the connection is of no more use.
    pub fn next_command(&mut self) -> Result<Option<Command>, Malformed> {
        if self.long.is_none() {
            let Some(head) = head(&self.buffer)? else { return Ok(None) };
            let kept = head.length.min(MESSAGE_BYTES_MAX);
            if self.buffer.len() < head.bytes + kept {
                return Ok(None);
            }
            self.buffer.advance(head.bytes);
            let data = self.buffer.split_to(kept).freeze();
            let command = Command { transaction: head.transaction, name: head.name, data, cut_bytes: 0 };
            self.long = Some((command, head.length - kept));
        }
        let Some((command, left)) = &mut self.long else { return Ok(None) };
        let passed = (*left).min(self.buffer.len());
        self.buffer.advance(passed);
        *left -= passed;
        command.cut_bytes += passed as u64;
        match self.buffer.first() {
            None => Ok(None),
            Some(b'\n') => {
                self.buffer.advance(1);
                Ok(self.long.take().map(|(command, _)| command))
            }
            Some(_) => Err(Malformed),
        }
    }
}

struct Head {
    transaction: u32,
    name: String,
    length: usize,
    /// Bytes before the data.
    bytes: usize,
}

/// Reads `2 syslog 19 `; nothing while it is not whole.
fn head(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let Some((transaction, after_number)) = number(bytes)? else { return Ok(None) };
    let Some(rest) = blank(&bytes[after_number..])? else { return Ok(None) };
    let letters = rest.iter().take(NAME_BYTES_MAX + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    if letters > NAME_BYTES_MAX {
        return Err(Malformed);
    }
    let Some(after_name) = blank(&rest[letters..])? else { return Ok(None) };
    if letters == 0 {
        return Err(Malformed);
    }
    let Some((length, after_length)) = number(after_name)? else { return Ok(None) };
    let name = String::from_utf8_lossy(&rest[..letters]).into_owned();
    let mut used = bytes.len() - after_name.len() + after_length;
    // No data has no blank before it, though some senders write one.
    if length > 0 || bytes.get(used) == Some(&b' ') {
        match blank(&bytes[used..])? {
            None => return Ok(None),
            Some(_) => used += 1,
        }
    }
    Ok(Some(Head { transaction, name, length: length as usize, bytes: used }))
}

/// A number and how many digits it has; nothing while it may go on.
fn number(bytes: &[u8]) -> Result<Option<(u32, usize)>, Malformed> {
    let digits = bytes.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    match bytes.get(digits) {
        _ if digits > DIGITS_MAX => Err(Malformed),
        None => Ok(None),
        Some(_) if digits == 0 => Err(Malformed),
        Some(_) => {
            let value = bytes[..digits].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
            Ok(Some((value, digits)))
        }
    }
}

/// What follows the blank at the start; nothing while there are no bytes.
fn blank(bytes: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    match bytes.split_first() {
        None => Ok(None),
        Some((b' ', rest)) => Ok(Some(rest)),
        Some(_) => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in these bytes, given in pieces of this size.
    fn all(bytes: &[u8], piece: usize) -> Result<Vec<Command>, Malformed> {
        let (mut commands, mut found) = (Commands::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            commands.buffer().extend_from_slice(piece);
            while let Some(command) = commands.next_command()? {
                found.push(command);
            }
        }
        Ok(found)
    }

    fn command(transaction: u32, name: &str, data: &str) -> Command {
        Command { transaction, name: name.into(), data: data.to_owned().into(), cut_bytes: 0 }
    }

    #[test]
    fn commands_do_not_depend_on_how_the_bytes_come() {
        let bytes = b"1 open 14 relp_version=0\n2 syslog 5 <13>\n\n3 syslog 0\n999999999 close 0 \n";
        let expected = [
            command(1, "open", "relp_version=0"),
            command(2, "syslog", "<13>\n"),
            command(3, "syslog", ""),
            command(999_999_999, "close", ""),
        ];
        for piece in 1..=bytes.len() {
            assert_eq!(all(bytes, piece).unwrap(), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_counted() {
        let long = "x".repeat(MESSAGE_BYTES_MAX + 7);
        let bytes = format!("1 syslog {} {long}\n2 syslog 1 y\n", long.len());
        for piece in [1 << 10, 1 << 20] {
            let found = all(bytes.as_bytes(), piece).unwrap();
            assert_eq!((found[0].data.len(), found[0].cut_bytes), (MESSAGE_BYTES_MAX, 7));
            assert_eq!(found[1], command(2, "syslog", "y"));
        }
    }

    #[test]
    fn what_is_no_relp_is_refused_at_once() {
        let long = format!("1 {} 0\n", "a".repeat(33));
        let lines =
            ["<13>Nov 20", "x", "1  open", "1 op3n 0\n", "1 open x", "1 syslog 2 abc\n", "1 open 0x", "1234567890 "];
        for bytes in lines.into_iter().chain([long.as_str()]) {
            for piece in [1, bytes.len()] {
                assert_eq!(all(bytes.as_bytes(), piece), Err(Malformed), "{bytes}");
            }
        }
    }
}
