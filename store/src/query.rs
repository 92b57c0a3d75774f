//! The search language.

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {}

impl Query {
    /// Parses a query; empty text matches everything.
    ///
    /// # Errors
    /// [`crate::Error::Query`] with the column.
    pub fn parse(_text: &str) -> crate::Result<Query> {
        unimplemented!()
    }

    /// Whether an event matches.
    pub fn matches(&self, _event: &stream::Event<'_>) -> bool {
        unimplemented!()
    }
}
