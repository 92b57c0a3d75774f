//! Commands of RELP: cut anywhere, the same commands come out; no data is longer than the limit.
#![no_main]

use ingest::MESSAGE_BYTES_MAX;
use ingest::framing::relp::{Command, Commands, Malformed};
use libfuzzer_sys::fuzz_target;

fn commands(chunks: &[&[u8]]) -> (Vec<Command>, Result<(), Malformed>) {
    let mut reader = Commands::default();
    let mut commands = Vec::new();
    for chunk in chunks {
        reader.buffer().extend_from_slice(chunk);
        loop {
            match reader.next_command() {
                Ok(Some(command)) => commands.push(command),
                Ok(None) => break,
                Err(malformed) => return (commands, Err(malformed)),
            }
        }
    }
    (commands, Ok(()))
}

fuzz_target!(|input: (usize, Vec<u8>)| {
    let (cut, data) = input;
    let whole = commands(&[&data]);
    assert!(whole.0.iter().all(|command| command.data.len() <= MESSAGE_BYTES_MAX));
    let (head, tail) = data.split_at(cut % (data.len() + 1));
    assert_eq!(whole, commands(&[head, tail]));
});
