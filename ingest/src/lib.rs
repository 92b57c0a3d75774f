//! From bytes on the wire to ECS events: listeners, framing, charsets, and one parser per product.

pub mod parser;
