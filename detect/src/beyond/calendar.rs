//! `calendar`: only at certain times, as a clock on a wall in Japan and the tenant's own calendar show them.
//!
//! All keys that are given must hold. `office` is open or closed as tenant.toml (`calendar`) and holidays.csv say;
//! `days` and `hours` are written as in flows.csv, and `is: outside` turns the two together round; `modes` holds while one
//! of these modes of modes.csv holds, `not_modes` while none of them does. A tenant without a folder has weekdays 8:30
//! to 17:15, no holidays and no modes.

use super::Case;
use crate::Calendar;
use crate::calendar::{Days, Hours, Moment};

/// `sekisho.calendar`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    /// Whether office hours must be open.
    pub(crate) open: Option<bool>,
    /// Days and hours, and whether they must hold.
    pub(crate) span: Option<(Days, Hours, bool)>,
    pub(crate) modes: Vec<String>,
    pub(crate) not_modes: Vec<String>,
}

impl Gate {
    pub(super) fn holds(&self, case: &Case<'_, '_>) -> bool {
        let usual;
        let calendar = match case.body {
            Some(body) => body.calendar(),
            None => {
                usual = Calendar::default();
                &usual
            }
        };
        let in_mode = |wanted: &[String]| {
            case.body
                .is_some_and(|body| body.ledgers().modes(case.time).any(|mode| wanted.iter().any(|one| one == mode)))
        };
        let moment = Moment::of(case.time);
        self.open.is_none_or(|open| calendar.is_open(case.time) == open)
            && self.span.as_ref().is_none_or(|(days, hours, inside)| hours.contains(moment, *days, calendar) == *inside)
            && (self.modes.is_empty() || in_mode(&self.modes))
            && (self.not_modes.is_empty() || !in_mode(&self.not_modes))
    }
}
