//! The `sekisho` command: wiring only.
fn main() {}
