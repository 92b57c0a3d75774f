//! Delivery from the outbox to people.
