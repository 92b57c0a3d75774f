//! Building a rule set from documents: metadata, compiling, references between rules.

use std::collections::HashMap;

use rsigma_parser::{CorrelationRule, FilterRule, FilterRuleTarget, LogSource, SigmaRule, parse_sigma_yaml};
use stream::Level;

use super::load::{Document, OURS};
use super::placeholders;
use super::{Compiled, RuleInfo, RuleKind, RuleLogsource, RuleSet};
use crate::Problem;
use crate::beyond;
use crate::correlation::{Correlation, Known, compile as compile_correlation};
use crate::sigma::extension::Extension;
use crate::sigma::{Compiler, Entry, Expr, Logsource, Pipelines, Program, Reason, Resolver, Rule, Suppress};

/// The least and the most that `groups` may say.
const GROUPS_MIN: u32 = 10;
const GROUPS_LIMIT: u32 = 1_000_000;

enum Parsed {
    Rule(Box<SigmaRule>),
    Correlation(Box<CorrelationRule>),
}

/// A document that became a rule.
struct Draft {
    document: Document,
    parsed: Parsed,
    extension: Extension,
}

/// Collects documents; [`Loader::finish`] compiles them.
pub(super) struct Loader {
    pipelines: Pipelines,
    /// One per entry of `infos`; none for rules that cannot be used.
    drafts: Vec<Option<Draft>>,
    infos: Vec<RuleInfo>,
    filters: Vec<(Document, FilterRule)>,
    problems: Vec<Problem>,
    ids: HashMap<String, usize>,
}

impl Loader {
    pub(super) fn new(pipelines: Pipelines) -> Loader {
        Loader {
            pipelines,
            drafts: Vec::new(),
            infos: Vec::new(),
            filters: Vec::new(),
            problems: Vec::new(),
            ids: HashMap::new(),
        }
    }

    pub(super) fn document(&mut self, document: Document) {
        if document.text.lines().any(|line| line.starts_with("action:")) {
            let reason = Reason::new(
                "action:",
                "`action` (global, reset, repeat) was removed in Sigma 2",
                "write each rule out, or use correlation rules",
            );
            return self.refuse(document, reason);
        }
        let collection = match parse_sigma_yaml(&document.text) {
            Ok(collection) => collection,
            Err(error) => return self.broken(&document, document.parse_problem(&error.to_string()), None),
        };
        let parsed = collection.rules.into_iter().next().map(|rule| Parsed::Rule(Box::new(rule)));
        let parsed =
            parsed.or(collection.correlations.into_iter().next().map(|rule| Parsed::Correlation(Box::new(rule))));
        let filter = collection.filters.into_iter().next();
        let errors = collection.errors.iter();
        let problems: Vec<Problem> = errors.map(|error| document.parse_problem(error)).collect();
        match (parsed, filter) {
            (Some(parsed), _) => {
                self.problems.extend(problems);
                self.rule(document, parsed);
            }
            (None, Some(filter)) => {
                self.problems.extend(problems);
                self.filters.push((document, filter));
            }
            (None, None) => {
                let none =
                    || Problem::new(&document.file, document.line, 1, "no rule in this document", "write a Sigma rule");
                let problem = problems.into_iter().next().unwrap_or_else(none);
                self.broken(&document, problem, None);
            }
        }
    }

    fn rule(&mut self, document: Document, mut parsed: Parsed) {
        let (attributes, id) = match &parsed {
            Parsed::Rule(rule) => (&rule.custom_attributes, &rule.id),
            Parsed::Correlation(rule) => (&rule.custom_attributes, &rule.id),
        };
        let id = id.clone();
        let mut extension = match attributes.get("sekisho").cloned().map(yaml_serde::from_value::<Extension>) {
            None => Extension::default(),
            Some(Ok(extension)) => extension,
            Some(Err(error)) => {
                let message = error.to_string();
                let token = message.split('`').nth(1).or_else(|| message.split('"').nth(1));
                let token = format!("{OURS}{}", token.unwrap_or("sekisho:"));
                let info = describe(&document, &parsed, &Extension::default());
                let advice = "use the keys that docs/rules.md lists, spelled as there";
                let problem = document.problem(Reason::new(token, format!("under `sekisho`: {message}"), advice));
                return self.broken(&document, problem, Some(info));
            }
        };
        if let Parsed::Rule(rule) = &mut parsed
            && let Err(reason) = placeholders::take(&mut rule.detection, &mut extension)
        {
            let info = describe(&document, &parsed, &extension);
            let problem = document.problem(reason);
            return self.broken(&document, problem, Some(info));
        }
        let mut info = describe(&document, &parsed, &extension);
        if let Some(id) = &id
            && let Some(first) = self.ids.get(id)
        {
            let message = format!("the id {id} is that of a rule in {} already", self.infos[*first].file.display());
            let problem = document.problem(Reason::new(id, message, "give every rule an id of its own (uuidgen)"));
            info.id = document.id();
            return self.broken(&document, problem, Some(info));
        }
        self.ids.insert(info.id.clone(), self.infos.len());
        self.infos.push(info);
        self.drafts.push(Some(Draft { document, parsed, extension }));
    }

    fn refuse(&mut self, document: Document, reason: Reason) {
        let problem = document.problem(reason);
        self.broken(&document, problem, None);
    }

    /// Keeps a rule that cannot be used in the list, so that it is seen.
    fn broken(&mut self, document: &Document, problem: Problem, info: Option<RuleInfo>) {
        let mut info = info.unwrap_or_else(|| unread(document));
        info.problem = Some(problem.clone());
        info.alerts = false;
        self.problems.push(problem);
        self.infos.push(info);
        self.drafts.push(None);
    }

    /// Compiles everything.
    pub(super) fn finish(mut self) -> (RuleSet, Vec<Problem>) {
        let mut known = Known::default();
        for (index, draft) in self.drafts.iter().enumerate() {
            let Some(draft) = draft else { continue };
            known.add(&self.infos[index].id, index as u32);
            let name = match &draft.parsed {
                Parsed::Rule(rule) => &rule.name,
                Parsed::Correlation(rule) => &rule.name,
            };
            name.iter().for_each(|name| known.add(name, index as u32));
        }
        let mut compiler = Compiler::default();
        let mut compiled: Vec<Compiled> = self.drafts.iter().map(|_| Compiled::Broken).collect();
        for (index, compiled) in compiled.iter_mut().enumerate() {
            match self.compile_rule(index, &known, &mut compiler) {
                Some(Ok(rule)) => *compiled = Compiled::Rule(Box::new(rule)),
                Some(Err(reason)) => self.fail(index, reason),
                None => {}
            }
        }
        self.check_absences(&mut compiled);
        self.compile_correlations(&known, &mut compiled);
        self.mark_feeders(&compiled);
        let entries = compiled.iter().enumerate().filter_map(|(index, compiled)| match compiled {
            // A rule about full tables is no question to events.
            Compiled::Rule(rule) if self.infos[index].overflow.is_none() => Some(Entry {
                index: index as u32,
                condition: rule.condition.clone(),
                logsource: rule.logsource.clone(),
            }),
            _ => None,
        });
        let rules = entries.collect();
        let program = Program::new(compiler.predicates, compiler.slots.finish(), rules);
        (RuleSet { rules: self.infos, compiled, program }, self.problems)
    }

    fn fail(&mut self, index: usize, reason: Reason) {
        if let Some(draft) = self.drafts[index].take() {
            let problem = draft.document.problem(reason);
            self.infos[index].problem = Some(problem.clone());
            self.infos[index].alerts = false;
            self.problems.push(problem);
        }
    }

    /// Compiles a detection rule; none when it is no such rule.
    fn compile_rule(&self, index: usize, known: &Known, compiler: &mut Compiler) -> Option<Result<Rule, Reason>> {
        let draft = self.drafts[index].as_ref()?;
        let Parsed::Rule(rule) = &draft.parsed else { return None };
        Some(self.detection_rule(index, rule, &draft.extension, known, compiler))
    }

    fn detection_rule(
        &self,
        index: usize,
        rule: &SigmaRule,
        extension: &Extension,
        known: &Known,
        compiler: &mut Compiler,
    ) -> Result<Rule, Reason> {
        let logsource = logsource_of(&rule.logsource);
        let resolver = self.pipelines.resolver(&logsource);
        let mut condition = compiler.detections(&rule.detection, &resolver)?;
        for (document, filter) in &self.filters {
            let applies = match &filter.rules {
                FilterRuleTarget::Any => true,
                FilterRuleTarget::Specific(names) => names.iter().any(|name| known.get(name) == Some(index as u32)),
            };
            let fits = filter.logsource.as_ref().is_none_or(|wanted| fits(&logsource_of(wanted), &logsource));
            if applies && fits {
                let filtered = compiler.detections(&filter.detection, &resolver).map_err(|reason| Reason {
                    message: format!("filter {}: {}", document.file.display(), reason.message),
                    ..reason
                })?;
                condition = Expr::All([condition, filtered].into());
            }
        }
        let suppress = match &extension.suppress {
            None => None,
            Some(key) => {
                Some(Suppress { by: by_fields(&key.by, &resolver)?, quiet_nanos: key.quiet.0, first: key.first })
            }
        };
        let other = |name: &str| {
            let index = known.get(name).filter(|other| *other as usize != index)?;
            let Some(Draft { parsed: Parsed::Rule(rule), .. }) = &self.drafts[index as usize] else { return None };
            Some((index, self.pipelines.resolver(&logsource_of(&rule.logsource))))
        };
        let beyond = beyond::compile(extension, &resolver, &other)
            .map_err(|reason| Reason { token: format!("{OURS}{}", reason.token), ..reason })?;
        let absence = extension.absence.as_ref().and_then(|key| key.silence);
        if suppress.is_some() && absence.is_some() {
            return Err(Reason::new(
                "absence",
                "`suppress` and `absence: {silence}` exclude each other",
                "remove `suppress`: a silence is raised once anyway",
            ));
        }
        check_state(extension, suppress.is_some())?;
        Ok(Rule { condition, suppress, absence, beyond, logsource })
    }

    /// Compiles correlations, those that others refer to first.
    fn compile_correlations(&mut self, known: &Known, compiled: &mut [Compiled]) {
        loop {
            let mut waiting = Vec::new();
            let mut progress = false;
            for index in 0..self.drafts.len() {
                let Some(Draft { parsed: Parsed::Correlation(rule), extension, .. }) = &self.drafts[index] else {
                    continue;
                };
                if !matches!(compiled[index], Compiled::Broken) {
                    continue;
                }
                if let Some(key) = extension.of_detection_rules() {
                    let reason = Reason::new(
                        format!("{key}:"),
                        format!("a correlation takes no `{key}`"),
                        "write it in the rule that the correlation refers to; further matches within the timespan are \
                         evidence of the same alert anyway",
                    );
                    self.fail(index, reason);
                    continue;
                }
                let result = check_state(extension, true).and_then(|()| self.correlation(rule, known, compiled));
                match result {
                    Ok(correlation) => {
                        compiled[index] = Compiled::Correlation(Box::new(correlation));
                        progress = true;
                    }
                    Err(reason) => waiting.push((index, reason)),
                }
            }
            if !progress {
                waiting.into_iter().for_each(|(index, reason)| self.fail(index, reason));
                return;
            }
        }
    }

    fn correlation(&self, rule: &CorrelationRule, known: &Known, compiled: &[Compiled]) -> Result<Correlation, Reason> {
        let resolver_of = |index: u32| -> Option<Resolver<'_>> {
            match &compiled[index as usize] {
                Compiled::Rule(rule) if rule.is_plain() => Some(self.pipelines.resolver(&rule.logsource)),
                _ => None,
            }
        };
        let inner = |index: u32| match &compiled[index as usize] {
            Compiled::Correlation(correlation) => Some((**correlation).clone()),
            _ => None,
        };
        compile_correlation(rule, known, &resolver_of, &inner)
    }

    /// An absence asks for a rule that gives matches; without it nothing would ever be missed.
    fn check_absences(&mut self, compiled: &mut [Compiled]) {
        for index in 0..compiled.len() {
            let Compiled::Rule(rule) = &compiled[index] else { continue };
            let Some(without) = rule.beyond.as_ref().and_then(|beyond| beyond.without.as_ref()) else { continue };
            if !matches!(&compiled[without.other as usize], Compiled::Rule(other) if other.is_plain()) {
                let reason = Reason::new(
                    "without:",
                    "`without` refers to a rule that gives no matches",
                    "refer to a detection rule that is loaded without a problem and has no `absence` itself",
                );
                compiled[index] = Compiled::Broken;
                self.fail(index, reason);
            }
        }
    }

    /// A rule that correlations or absences refer to raises no alerts of its own unless one of them says `generate: true`.
    fn mark_feeders(&mut self, compiled: &[Compiled]) {
        let mut generates: HashMap<u32, bool> = HashMap::new();
        for compiled in compiled {
            if let Compiled::Rule(rule) = compiled
                && let Some(without) = rule.beyond.as_ref().and_then(|beyond| beyond.without.as_ref())
            {
                generates.entry(without.other).or_default();
            }
        }
        for (draft, compiled) in self.drafts.iter().zip(compiled) {
            if let (Some(Draft { parsed: Parsed::Correlation(rule), .. }), Compiled::Correlation(correlation)) =
                (draft, compiled)
            {
                for step in &correlation.steps {
                    *generates.entry(*step).or_default() |= rule.generate;
                }
            }
        }
        for (index, generates) in generates {
            self.infos[index as usize].alerts = generates;
        }
    }
}

fn by_fields(names: &[String], resolver: &Resolver<'_>) -> Result<Vec<(String, Vec<stream::FieldId>)>, Reason> {
    let fields = names.iter().map(|name| {
        let fields = resolver.fields(name);
        fields
            .map(|fields| (name.clone(), fields))
            .ok_or_else(|| Reason::new(name, format!("no room for the field name `{name}`"), "use a shorter name"))
    });
    fields.collect()
}

fn logsource_of(logsource: &LogSource) -> Logsource {
    let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
    Logsource {
        product: lower(&logsource.product),
        category: lower(&logsource.category),
        service: lower(&logsource.service),
    }
}

/// Whether a filter for `wanted` applies to rules of `held`.
fn fits(wanted: &Logsource, held: &Logsource) -> bool {
    let same = |wanted: &Option<String>, held: &Option<String>| wanted.is_none() || wanted == held;
    same(&wanted.product, &held.product)
        && same(&wanted.category, &held.category)
        && same(&wanted.service, &held.service)
}

fn level_of(level: Option<rsigma_parser::Level>) -> Level {
    level.and_then(|level| level.as_str().parse().ok()).unwrap_or(Level::Medium)
}

/// What can be said about a document that is no rule.
fn unread(document: &Document) -> RuleInfo {
    let value = |key: &str| {
        let line = document.text.lines().find_map(|line| line.strip_prefix(key));
        line.map(|value| value.trim().trim_matches(['\'', '"']).to_owned()).unwrap_or_default()
    };
    let title = value("title:");
    let place = document.id();
    RuleInfo {
        id: Some(value("id:")).filter(|id| !id.is_empty()).unwrap_or_else(|| place.clone()),
        title_ja: if title.is_empty() { place } else { title.clone() },
        title,
        kind: RuleKind::Detection,
        level: Level::Medium,
        logsource: RuleLogsource::default(),
        usecase: Vec::new(),
        tags: Vec::new(),
        file: document.file.clone(),
        line: document.line,
        version: blake3::hash(document.text.trim().as_bytes()).to_hex()[..12].to_string(),
        what: String::new(),
        why: String::new(),
        first: String::new(),
        clause: String::new(),
        falsepositives: Vec::new(),
        off: false,
        page: false,
        status: value("status:"),
        alerts: false,
        problem: None,
        overflow: None,
        groups: None,
    }
}

/// What a rule says about the table of its groups.
fn check_state(extension: &Extension, has_groups: bool) -> Result<(), Reason> {
    let fail = |message: String, advice| Err(Reason::new("groups:", message, advice));
    match extension.groups {
        Some(_) if !has_groups => {
            fail("`groups` without groups".into(), "only correlations and rules with `suppress` keep groups: remove it")
        }
        Some(groups) if !(GROUPS_MIN..=GROUPS_LIMIT).contains(&groups) => fail(
            format!("{groups} groups are not from {GROUPS_MIN} to {GROUPS_LIMIT}"),
            "write how many groups are kept; 100,000 take up to 256 MiB",
        ),
        _ => Ok(()),
    }
}

/// The kind of a detection rule: that of the key that needs most from around the event.
fn kind_of(keys: &Extension) -> RuleKind {
    let kinds = [
        (keys.absence.is_some(), RuleKind::Absence),
        (keys.beacon.is_some(), RuleKind::Beacon),
        (keys.baseline.is_some(), RuleKind::Baseline),
        (keys.first_seen.is_some(), RuleKind::FirstSeen),
        (keys.ioc.is_some(), RuleKind::Ioc),
        (!keys.ledger.is_empty(), RuleKind::Ledger),
        (keys.calendar.is_some(), RuleKind::Calendar),
    ];
    kinds.into_iter().find(|(has, _)| *has).map_or(RuleKind::Detection, |(_, kind)| kind)
}

fn describe(document: &Document, parsed: &Parsed, extension: &Extension) -> RuleInfo {
    let mut info = unread(document);
    let (id, title, level, tags, falsepositives, kind) = match parsed {
        Parsed::Rule(rule) => {
            let LogSource { product, category, service, .. } = &rule.logsource;
            info.logsource =
                RuleLogsource { product: product.clone(), category: category.clone(), service: service.clone() };
            let kind = kind_of(extension);
            (&rule.id, &rule.title, rule.level, &rule.tags, &rule.falsepositives, kind)
        }
        Parsed::Correlation(rule) => {
            (&rule.id, &rule.title, rule.level, &rule.tags, &rule.falsepositives, RuleKind::Correlation)
        }
    };
    info.id = id.clone().unwrap_or_else(|| document.id());
    info.title = title.clone();
    info.title_ja = if extension.title.is_empty() { title.clone() } else { extension.title.clone() };
    info.level = level_of(level);
    info.kind = kind;
    info.tags = tags.clone();
    info.falsepositives = falsepositives.clone();
    info.usecase = extension.usecase.clone();
    info.off = extension.off;
    info.page = extension.page;
    info.overflow = extension.overflow;
    info.groups = extension.groups;
    info.what = extension.what.trim().to_owned();
    info.why = extension.why.trim().to_owned();
    info.first = extension.first.trim().to_owned();
    info.clause = extension.clause.trim().to_owned();
    info.alerts = true;
    info
}
