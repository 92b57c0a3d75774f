//! サインイン

use maud::{Markup, html};

use crate::context::Visitor;
use crate::i18n::{Word, w};
use crate::layout::{document, logo};

/// The sign-in form, with what went wrong the last time.
pub(crate) fn page(visitor: &Visitor, problem: Option<Word>, next: &str) -> Markup {
    let t = |word| visitor.lang.t(word);
    let body = html! {
        main.gate {
            form.card method="post" action="/sign-in" {
                div.brand { (logo()) div { b { (t(w::PRODUCT)) } span { (t(w::TAGLINE)) } } }
                h1.visually-hidden { (t(w::SIGN_IN)) }
                @if let Some(problem) = problem { p.panel-error role="alert" { (t(problem)) } }
                label { (t(w::NAME)) input type="text" name="name" autocomplete="username" autofocus required maxlength="128"; }
                label { (t(w::PASSWORD)) input type="password" name="password" autocomplete="current-password" required maxlength="1024"; }
                input type="hidden" name="next" value=(next);
                button.button.primary type="submit" { (t(w::SIGN_IN)) }
                p.note { (t(w::SIGN_IN_NOTE)) }
            }
        }
    };
    document(visitor, t(w::SIGN_IN), false, body)
}
