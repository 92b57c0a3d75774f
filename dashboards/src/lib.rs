//! Web pages, REST API, sign-in.
