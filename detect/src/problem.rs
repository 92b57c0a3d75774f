//! What is wrong in a file that a person wrote: rules, ledgers, tenants. Found while loading, all of it at once.
//!
//! One bad row never hides the others: loaders collect up to [`PROBLEMS_MAX`] problems and go on. Printed as
//! `file:line:column: message; advice`, which editors make clickable.

use std::fmt;
use std::path::{Path, PathBuf};

/// The most problems that one load reports; what comes after is counted in a last problem's message.
pub const PROBLEMS_MAX: usize = 1000;

/// One mistake, where it is and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as it was named to the loader.
    pub file: PathBuf,
    /// Line from 1; 0 when the file as a whole is meant (missing, unreadable).
    pub line: u32,
    /// Column in characters from 1; 0 when the line as a whole is meant.
    pub column: u32,
    /// What is wrong, with the value found.
    pub message: String,
    /// What to write instead; never empty.
    pub advice: String,
}

impl Problem {
    /// A problem at one place of a file.
    pub fn new(file: &Path, line: u32, column: u32, message: impl Into<String>, advice: impl Into<String>) -> Problem {
        Problem { file: file.to_owned(), line, column, message: message.into(), advice: advice.into() }
    }

    /// A problem of the file as a whole.
    pub fn whole(file: &Path, message: impl Into<String>, advice: impl Into<String>) -> Problem {
        Problem::new(file, 0, 0, message, advice)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        write!(f, ": {}; {}", self.message, self.advice)
    }
}

impl std::error::Error for Problem {}

/// Collects problems up to [`PROBLEMS_MAX`] and counts the rest.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds one, or counts it when the list is full.
    pub fn push(&mut self, problem: Problem) {
        if self.list.len() < PROBLEMS_MAX - 1 {
            self.list.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Whether nothing was wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them in the order found; when some were not kept, a last one says how many.
    pub fn into_vec(mut self) -> Vec<Problem> {
        if self.more > 0 {
            self.list.push(Problem::whole(
                Path::new("(more)"),
                format!("{} more problems not shown", self.more),
                "correct the ones above and check again",
            ));
        }
        self.list
    }
}

impl Extend<Problem> for Problems {
    fn extend<T: IntoIterator<Item = Problem>>(&mut self, problems: T) {
        for problem in problems {
            self.push(problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_an_editor_can_jump_to() {
        let problem = Problem::new(Path::new("t/zones.csv"), 3, 7, "no such zone", "write one of the zones");
        assert_eq!(problem.to_string(), "t/zones.csv:3:7: no such zone; write one of the zones");
        let whole = Problem::whole(Path::new("t"), "missing", "create it");
        assert_eq!(whole.to_string(), "t: missing; create it");
    }

    #[test]
    fn keeps_a_bounded_number() {
        let mut problems = Problems::default();
        problems.extend((0..5000).map(|line| Problem::new(Path::new("f"), line, 1, "m", "a")));
        let list = problems.into_vec();
        assert_eq!(list.len(), PROBLEMS_MAX);
        assert!(list[PROBLEMS_MAX - 1].message.contains("4001 more"));
    }
}
