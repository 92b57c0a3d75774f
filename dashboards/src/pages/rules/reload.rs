//! `POST /rules/reload`: takes over changed rules and ledgers, or says why not. System administrators only; audited.

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use crate::auth::check_post;
use crate::context::Context;
use crate::i18n::w;
use crate::layout::{Page, error_page};
use crate::{AppState, Error};

pub(crate) async fn post(
    State(state): State<AppState>,
    context: Context,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    if let Err(error) = check_post(&context, &headers, &fields) {
        return error_page(&context, &error);
    }
    let Some(reload) = state.reload.clone().filter(|_| context.may_reload()) else {
        return error_page(&context, &Error::Forbidden);
    };
    let actor = context.account.name.clone();
    let outcome = state.database_call(move |state| {
        let outcome = reload();
        let object = outcome.as_ref().map_or("refused", String::as_str);
        state.database.audit(&actor, "rules.reload", object, state.now())?;
        Ok(outcome)
    });
    match outcome.await {
        Ok(Ok(_)) => Redirect::to("/rules").into_response(),
        Ok(Err(problems)) => {
            let content = html! {
                section.card {
                    header { h2 { (context.t(w::RELOAD_REFUSED)) } }
                    p { (context.t(w::RELOAD_REFUSED_HINT)) }
                    pre.block { (problems) }
                    div.chips { a.button href="/rules" { (context.t(w::BACK)) } }
                }
            };
            let page = Page::new("/rules", context.t(w::RELOAD_REFUSED)).render(&context, content);
            (StatusCode::CONFLICT, page).into_response()
        }
        Err(error) => error_page(&context, &error),
    }
}
