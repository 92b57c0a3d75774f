//! Search index, search language and the database.
