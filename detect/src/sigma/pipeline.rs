//! Field pipelines: which fields of an event a rule's field name stands for.
//!
//! Format: pySigma's processing pipelines, of which `field_name_mapping`, `field_name_prefix`, `value_placeholders` and
//! `wildcard_placeholders` are read, with `vars`, `rule_conditions` of type `logsource` and `field_name_conditions` of type
//! `include_fields` or `exclude_fields`; anything else is a [`Problem`]. A name may stand for several fields; its values
//! are then those of all of them. The name itself always counts too, so that events in Sigma's own names and rules in ECS
//! names need no mapping. Pipelines apply in the order of `priority`, then of their paths; for each name the first
//! mapping that has it decides, and for each placeholder (`expand`) the first pipeline that has its values.
//! Source: pySigma documentation, "Processing Pipelines".

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use stream::FieldId;

use super::program::Logsource;
use crate::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    name: String,
    #[serde(default)]
    priority: i64,
    #[serde(default, rename = "allowed_backends")]
    _allowed_backends: Vec<String>,
    /// Values of placeholders.
    #[serde(default)]
    vars: BTreeMap<String, Names>,
    transformations: Vec<Transformation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transformation {
    #[serde(default, rename = "id")]
    _id: String,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    mapping: BTreeMap<String, Names>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    rule_conditions: Vec<Condition>,
    #[serde(default)]
    rule_cond_op: Link,
    #[serde(default)]
    field_name_conditions: Vec<FieldCondition>,
    /// Placeholders it is for; all when empty.
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldCondition {
    #[serde(rename = "type")]
    kind: FieldConditionKind,
    fields: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FieldConditionKind {
    IncludeFields,
    ExcludeFields,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    FieldNameMapping,
    FieldNamePrefix,
    ValuePlaceholders,
    WildcardPlaceholders,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Link {
    #[default]
    And,
    Or,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    fn list(&self) -> &[String] {
        match self {
            Names::One(one) => std::slice::from_ref(one),
            Names::Several(several) => several,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    #[serde(rename = "type")]
    kind: ConditionKind,
    product: Option<String>,
    category: Option<String>,
    service: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConditionKind {
    Logsource,
}

/// All pipelines of a load.
#[derive(Debug, Default)]
pub(crate) struct Pipelines {
    files: Vec<File>,
}

impl Pipelines {
    /// Adds the pipelines of one file.
    ///
    /// # Errors
    /// A problem that names the line.
    pub(crate) fn add(&mut self, path: &Path, text: &str) -> Result<(), Problem> {
        let file: File = yaml_serde::from_str(text).map_err(|error| {
            let (line, column) = error.location().map_or((0, 0), |at| (at.line() as u32, at.column() as u32));
            Problem::new(
                path,
                line,
                column,
                format!("field pipeline not understood: {error}"),
                "write transformations of type field_name_mapping (mapping), field_name_prefix (prefix), \
                 value_placeholders or wildcard_placeholders, with rule_conditions of type logsource",
            )
        })?;
        let at = self.files.partition_point(|held| held.priority <= file.priority);
        tracing::debug!(name = file.name, path = %path.display(), "field pipeline read");
        self.files.insert(at, file);
        Ok(())
    }

    /// The resolver for rules of one logsource.
    pub(crate) fn resolver<'p>(&'p self, logsource: &Logsource) -> Resolver<'p> {
        let transformations =
            self.files.iter().flat_map(|file| file.transformations.iter().map(move |one| (file, one)));
        Resolver { applicable: transformations.filter(|(_, one)| one.applies(logsource)).collect() }
    }
}

impl Transformation {
    fn applies(&self, logsource: &Logsource) -> bool {
        let mut answers = self.rule_conditions.iter().map(|condition| {
            debug_assert_eq!(condition.kind, ConditionKind::Logsource);
            let same = |wanted: &Option<String>, held: &Option<String>| {
                wanted.is_none()
                    || matches!((wanted, held), (Some(wanted), Some(held)) if wanted.eq_ignore_ascii_case(held))
            };
            same(&condition.product, &logsource.product)
                && same(&condition.category, &logsource.category)
                && same(&condition.service, &logsource.service)
        });
        match self.rule_cond_op {
            Link::And => answers.all(|answer| answer),
            Link::Or => self.rule_conditions.is_empty() || answers.any(|answer| answer),
        }
    }

    fn renames(&self, name: &str) -> bool {
        self.field_name_conditions.iter().all(|condition| {
            let listed = condition.fields.iter().any(|field| field == name);
            listed == (condition.kind == FieldConditionKind::IncludeFields)
        })
    }

    fn fills(&self, placeholder: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|name| name == placeholder);
        (self.include.is_empty() || listed(&self.include)) && !listed(&self.exclude)
    }
}

/// Resolves the field names of rules of one logsource.
#[derive(Debug)]
pub(crate) struct Resolver<'p> {
    applicable: Vec<(&'p File, &'p Transformation)>,
}

impl Resolver<'_> {
    /// The fields a name stands for, mapped ones first, itself last; `None` when no more fields can be kept.
    pub(crate) fn fields(&self, name: &str) -> Option<Vec<FieldId>> {
        let mut names: Vec<String> = Vec::new();
        for (_, transformation) in self.applicable.iter().filter(|(_, one)| one.renames(name)) {
            match transformation.kind {
                Kind::FieldNameMapping => match transformation.mapping.get(name) {
                    Some(several) => names.extend(several.list().iter().cloned()),
                    None => continue,
                },
                Kind::ValuePlaceholders | Kind::WildcardPlaceholders => continue,
                Kind::FieldNamePrefix if name.contains('.') || name.starts_with('@') => continue,
                Kind::FieldNamePrefix => names.push(format!("{}{name}", transformation.prefix)),
            }
            break;
        }
        if !names.iter().any(|held| held == name) {
            names.push(name.to_owned());
        }
        names.iter().map(|name| stream::intern(name)).collect()
    }

    /// The values of a placeholder of `expand`; `None` when no pipeline gives any.
    pub(super) fn placeholder(&self, name: &str) -> Option<Vec<String>> {
        self.applicable.iter().filter(|(_, one)| one.fills(name)).find_map(|(file, one)| match one.kind {
            Kind::ValuePlaceholders => file.vars.get(name).map(|values| values.list().to_vec()),
            Kind::WildcardPlaceholders => Some(vec!["*".to_owned()]),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPELINE: &str = "name: t
priority: 10
transformations:
  - id: a
    type: field_name_mapping
    mapping:
      EventID: [winlog.event_id, event.code]
      User: user.name
    rule_conditions:
      - type: logsource
        product: windows
  - type: field_name_prefix
    prefix: winlog.event_data.
    rule_conditions:
      - type: logsource
        product: windows
";

    fn names(resolver: &Resolver<'_>, name: &str) -> Vec<&'static str> {
        resolver.fields(name).unwrap().into_iter().map(FieldId::name).collect()
    }

    #[test]
    fn maps_by_logsource() {
        let mut pipelines = Pipelines::default();
        pipelines.add(Path::new("p.yml"), PIPELINE).unwrap();
        let windows = Logsource { product: Some("windows".into()), ..Logsource::default() };
        let resolver = pipelines.resolver(&windows);
        assert_eq!(names(&resolver, "EventID"), ["winlog.event_id", "event.code", "EventID"]);
        assert_eq!(names(&resolver, "LogonType"), ["winlog.event_data.LogonType", "LogonType"]);
        assert_eq!(names(&resolver, "user.name"), ["user.name"]);
        let none = Logsource::default();
        assert_eq!(names(&pipelines.resolver(&none), "User"), ["User"]);
    }

    #[test]
    fn placeholders_and_field_conditions() {
        let text = "name: t\nvars:\n  admins: [alice, bob*]\n  one: x\ntransformations:\n  - type: value_placeholders\n    \
                    include: [admins]\n  - type: wildcard_placeholders\n    include: [any]\n  - type: field_name_prefix\n    \
                    prefix: a.\n    field_name_conditions:\n      - {type: exclude_fields, fields: [kept]}\n";
        let mut pipelines = Pipelines::default();
        pipelines.add(Path::new("p.yml"), text).unwrap();
        let resolver = pipelines.resolver(&Logsource::default());
        assert_eq!(resolver.placeholder("admins").unwrap(), ["alice", "bob*"]);
        assert_eq!(resolver.placeholder("any").unwrap(), ["*"]);
        assert_eq!(resolver.placeholder("one"), None);
        assert_eq!(names(&resolver, "kept"), ["kept"]);
        assert_eq!(names(&resolver, "f"), ["a.f", "f"]);
    }

    #[test]
    fn what_is_not_read_is_named() {
        let mut pipelines = Pipelines::default();
        let problem = pipelines
            .add(Path::new("p.yml"), "name: t\ntransformations:\n  - type: drop_detection_item\n")
            .unwrap_err();
        assert!(problem.message.contains("drop_detection_item"), "{problem}");
        assert_eq!(problem.line, 3, "{problem}");
    }
}
