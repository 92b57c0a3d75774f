//! tenant.toml: who the body is, and what applies to it.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::calendar::Calendar;
use crate::csv::{nearest, read_bounded};
use crate::{Problem, Problems};

/// How a body separates its networks (総務省ガイドライン).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// α: terminals on the LGWAN side.
    #[default]
    Alpha,
    /// α′: α with local break-out from the LGWAN side to approved clouds.
    AlphaPrime,
    /// β: terminals on the Internet side.
    Beta,
    /// β′: business systems on the Internet side too.
    BetaPrime,
    /// No My Number and no LGWAN zone.
    InternetOnly,
}

impl Model {
    const ALL: [Model; 5] = [Model::Alpha, Model::AlphaPrime, Model::Beta, Model::BetaPrime, Model::InternetOnly];

    /// The value of `model`.
    pub fn as_str(self) -> &'static str {
        match self {
            Model::Alpha => "alpha",
            Model::AlphaPrime => "alpha-prime",
            Model::Beta => "beta",
            Model::BetaPrime => "beta-prime",
            Model::InternetOnly => "internet-only",
        }
    }

    /// The word that Japanese screens show.
    pub fn label(self) -> &'static str {
        match self {
            Model::Alpha => "αモデル",
            Model::AlphaPrime => "α′モデル",
            Model::Beta => "βモデル",
            Model::BetaPrime => "β′モデル",
            Model::InternetOnly => "インターネット接続系のみ",
        }
    }

    fn parse(text: &str) -> Option<Model> {
        let text = text.replace('_', "-");
        Model::ALL.into_iter().find(|model| model.as_str() == text)
    }
}

/// What tenant.toml says.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The body's name.
    pub name: String,
    /// How it separates its networks.
    pub model: Model,
    /// 町, 市, 一部事務組合 and so on; may be empty.
    pub kind: String,
    /// Id of the body that may see this one: the prefecture.
    pub parent: Option<String>,
    /// Other calendars by the name of who keeps them (`消防署`).
    pub calendars: BTreeMap<String, Calendar>,
    /// People, each a table of texts (`name`, `role`, `mail`, `phone`).
    pub contacts: Vec<BTreeMap<String, String>>,
    /// Use-case ids that are 対象外 here.
    pub rules_not_applicable: Vec<String>,
    /// Use-case ids that run here although they are off by default.
    pub rules_on_extra: Vec<String>,
    /// Own names of zones, by id.
    pub labels: BTreeMap<String, String>,
    pub(super) parent_place: (u32, u32),
}

const KEYS: [&str; 12] = [
    "id",
    "name",
    "model",
    "kind",
    "parent",
    "calendar",
    "calendars_extra",
    "contacts",
    "rules_not_applicable",
    "rules_on_extra",
    "labels",
    "note",
];
const MODEL_ADVICE: &str = "write one of alpha, alpha-prime, beta, beta-prime, internet-only";
const CALENDAR_ADVICE: &str = "write 24h, or days and hours like weekday_0830_1715 or all_0600_2200";
const TEXT_ADVICE: &str = "write a text in double quotes";
const IDS_ADVICE: &str = "write a list of use-case ids like [\"X01\", \"A12\"]";

/// Reads tenant.toml; the calendar is still without holidays.
pub(super) fn load(file: &Path, problems: &mut Problems) -> (Profile, Calendar) {
    let mut profile = Profile::default();
    let Some(bytes) = read_bounded(file, problems) else { return (profile, Calendar::default()) };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => {
            problems.push(Problem::whole(file, "is not UTF-8", "save it as UTF-8"));
            return (profile, Calendar::default());
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            let advice = "correct the TOML; texts stand in double quotes";
            problems.push(Problem::new(file, line, column, error.message().to_owned(), advice));
            return (profile, Calendar::default());
        }
    };
    let reader = Reader { file, text, table: &table };
    let calendar = reader.fill(&mut profile, problems);
    (profile, calendar)
}

struct Reader<'f> {
    file: &'f Path,
    text: &'f str,
    table: &'f DeTable<'f>,
}

impl Reader<'_> {
    fn fill(&self, profile: &mut Profile, problems: &mut Problems) -> Calendar {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !KEYS.contains(&name)
                && let Some(near) = nearest(name, KEYS)
            {
                let message = format!("no key is named `{name}`");
                problems.push(self.problem(key.span().start, message, &format!("write `{near}`")));
            }
        }
        for required in ["name", "model"] {
            if !self.table.contains_key(required) {
                problems.push(Problem::whole(
                    self.file,
                    format!("`{required}` is missing"),
                    format!("add {required} = \"...\""),
                ));
            }
        }
        profile.name = self.string("name", problems).unwrap_or_default();
        profile.kind = self.string("kind", problems).unwrap_or_default();
        profile.parent = self.string("parent", problems);
        profile.parent_place = self.table.get("parent").map_or((0, 0), |value| place(self.text, value.span().start));
        profile.model = self.read("model", MODEL_ADVICE, problems, |text| {
            Model::parse(text).ok_or_else(|| format!("`{text}` is not a model"))
        });
        profile.rules_not_applicable = self.ids("rules_not_applicable", problems);
        profile.rules_on_extra = self.ids("rules_on_extra", problems);
        profile.labels = self.strings("labels", problems);
        profile.calendars = self
            .strings("calendars_extra", problems)
            .into_iter()
            .filter_map(|(name, text)| {
                let parsed = Calendar::parse(&text).map_err(|message| {
                    problems.push(self.at_key("calendars_extra", &format!("{name}: {message}"), CALENDAR_ADVICE));
                });
                parsed.ok().map(|calendar| (name, calendar))
            })
            .collect();
        profile.contacts = self.contacts(problems);
        self.read("calendar", CALENDAR_ADVICE, problems, Calendar::parse)
    }

    fn problem(&self, start: usize, message: String, advice: &str) -> Problem {
        let (line, column) = place(self.text, start);
        Problem::new(self.file, line, column, message, advice)
    }

    fn at_key(&self, key: &str, message: &str, advice: &str) -> Problem {
        let start = self.table.get(key).map_or(0, |value| value.span().start);
        self.problem(start, format!("{key}: {message}"), advice)
    }

    fn string(&self, key: &str, problems: &mut Problems) -> Option<String> {
        match self.table.get(key)?.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => {
                problems.push(self.at_key(key, "is not a text", TEXT_ADVICE));
                None
            }
        }
    }

    /// The default when the key is absent or wrong.
    fn read<T: Default>(
        &self,
        key: &str,
        advice: &str,
        problems: &mut Problems,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some(text) = self.string(key, problems) else { return T::default() };
        parse(&text).unwrap_or_else(|message| {
            problems.push(self.at_key(key, &message, advice));
            T::default()
        })
    }

    /// A table of texts.
    fn strings(&self, key: &str, problems: &mut Problems) -> BTreeMap<String, String> {
        let Some(value) = self.table.get(key) else { return BTreeMap::new() };
        texts(value.get_ref()).unwrap_or_else(|| {
            problems.push(self.at_key(
                key,
                "is not a table of texts",
                &format!("write [{key}] and below it name = \"...\""),
            ));
            BTreeMap::new()
        })
    }

    /// A list of use-case ids: a letter and two digits.
    fn ids(&self, key: &str, problems: &mut Problems) -> Vec<String> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            problems.push(self.at_key(key, "is not a list", IDS_ADVICE));
            return Vec::new();
        };
        let mut ids = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(id) if is_usecase(id) => ids.push(id.clone().into_owned()),
                _ => problems.push(self.problem(item.span().start, format!("{key}: not a use-case id"), IDS_ADVICE)),
            }
        }
        ids
    }

    /// `[[contacts]]`, or one `[contacts]`.
    fn contacts(&self, problems: &mut Problems) -> Vec<BTreeMap<String, String>> {
        let Some(value) = self.table.get("contacts") else { return Vec::new() };
        let read = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| texts(item.get_ref())).collect(),
            one => texts(one).map(|contact| vec![contact]),
        };
        read.unwrap_or_else(|| {
            let advice = "write [[contacts]] and below it name = \"...\", role = \"...\", mail = \"...\"";
            problems.push(self.at_key("contacts", "is not a list of tables of texts", advice));
            Vec::new()
        })
    }
}

fn is_usecase(id: &str) -> bool {
    let mut chars = id.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase()) && id.len() == 3 && chars.all(|c| c.is_ascii_digit())
}

/// A table whose values are all texts.
fn texts(value: &DeValue<'_>) -> Option<BTreeMap<String, String>> {
    let DeValue::Table(table) = value else { return None };
    let entries = table.iter().map(|(key, value)| match value.get_ref() {
        DeValue::String(text) => Some((key.get_ref().clone().into_owned(), text.clone().into_owned())),
        _ => None,
    });
    entries.collect()
}

/// Line and column, in characters from 1, of a byte position.
fn place(text: &str, byte: usize) -> (u32, u32) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line as u32, column as u32)
}
