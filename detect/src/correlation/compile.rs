//! Compiling a correlation rule: what it refers to, and the fields it groups and measures by.

use std::collections::{BTreeMap, HashMap};

use rsigma_parser::{ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, WindowMode};

use super::{Correlation, Leaf, Measure, Operator};
use crate::sigma::{Reason, Resolver};

/// What correlations may refer to: rules by id and by name.
#[derive(Debug, Default)]
pub(crate) struct Known {
    by_name: HashMap<String, u32>,
}

impl Known {
    pub(crate) fn add(&mut self, name: &str, index: u32) {
        self.by_name.entry(name.to_owned()).or_insert(index);
    }

    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }
}

/// Compiles one correlation. `resolver_of` gives the field resolver of a detection rule, `inner` the compiled form of
/// a correlation referred to; `None` from both means that the rule is not in use.
pub(crate) fn compile<'p>(
    rule: &CorrelationRule,
    known: &Known,
    resolver_of: &dyn Fn(u32) -> Option<Resolver<'p>>,
    inner: &dyn Fn(u32) -> Option<Correlation>,
) -> Result<Correlation, Reason> {
    if rule.window != WindowMode::Sliding {
        return Err(Reason::new(
            "window",
            format!("`window: {}` is not part of Sigma 2.1", rule.window.as_str()),
            "remove `window`: windows slide",
        ));
    }
    let (conditions, fields, percentile) = match &rule.condition {
        CorrelationCondition::Threshold { predicates, field, percentile } => (predicates, field, percentile),
        CorrelationCondition::Extended(_) => {
            return Err(Reason::new(
                "condition",
                "boolean conditions of correlations are not part of Sigma 2.1",
                "list the rules under `rules`: all of them must match; exclude in the rules themselves",
            ));
        }
    };
    let measure = measure(rule, percentile.unwrap_or(50))?;
    let measured = measured_fields(rule, measure, fields.as_deref())?;
    let span_nanos =
        i64::try_from(rule.timespan.seconds).ok().and_then(|seconds| seconds.checked_mul(stream::NANOS_PER_SECOND));
    let span_nanos = span_nanos.filter(|nanos| *nanos > 0 && *nanos <= 366 * 86_400 * stream::NANOS_PER_SECOND);
    let span_nanos = span_nanos.ok_or_else(|| {
        Reason::new(&rule.timespan.original, "the timespan must be from 1s to 366d", "write a timespan such as 10m")
    })?;
    let mut compiled = Correlation {
        measure,
        conditions: conditions.iter().map(|(operator, limit)| (operator_of(*operator), *limit)).collect(),
        steps: Vec::new(),
        group_by: rule.group_by.clone(),
        span_nanos,
        leaves: BTreeMap::new(),
        depth: 0,
        behind_nanos: 0,
        monotone: false,
        removable: false,
    };
    if let Some((_, limit)) = compiled.conditions.iter().find(|(_, limit)| *limit > Correlation::LIMIT_MAX) {
        return Err(Reason::new(
            limit.to_string(),
            format!("a limit of {limit} is above {}", Correlation::LIMIT_MAX),
            "count over a shorter timespan with a lower limit",
        ));
    }
    if rule.rules.is_empty() {
        return Err(Reason::new("rules", "the correlation refers to no rule", "list rule ids or names under `rules`"));
    }
    for name in &rule.rules {
        let missing = || {
            Reason::new(
                name,
                format!("the correlation refers to `{name}`, which is no usable rule"),
                "refer to the id or the `name` of a rule that is loaded without a problem",
            )
        };
        let index = known.get(name).ok_or_else(missing)?;
        compiled.steps.push(index);
        if let Some(resolver) = resolver_of(index) {
            let leaf = leaf(rule, name, &measured, &resolver)?;
            compiled.leaves.insert(index, leaf);
        } else {
            let behind = inner(index).ok_or_else(missing)?;
            compiled.depth = compiled.depth.max(behind.depth + 1);
            let reach = behind.span_nanos.saturating_add(behind.behind_nanos);
            compiled.behind_nanos = compiled.behind_nanos.max(reach);
            compiled.removable = true;
            for leaf_index in behind.leaves.keys() {
                let resolver = resolver_of(*leaf_index).ok_or_else(missing)?;
                compiled.leaves.insert(*leaf_index, leaf(rule, name, &measured, &resolver)?);
            }
        }
    }
    compiled.monotone = compiled.only_grows() && !compiled.removable;
    Ok(compiled)
}

fn measure(rule: &CorrelationRule, percentile: u64) -> Result<Measure, Reason> {
    Ok(match rule.correlation_type {
        CorrelationType::EventCount => Measure::Events,
        CorrelationType::ValueCount => Measure::Values,
        CorrelationType::ValueSum => Measure::Sum,
        CorrelationType::ValueAvg => Measure::Average,
        CorrelationType::ValueMedian => Measure::Percentile(50.0),
        CorrelationType::ValuePercentile if percentile <= 100 => Measure::Percentile(percentile as f64),
        CorrelationType::ValuePercentile => {
            return Err(Reason::new("percentile", "a percentile is from 0 to 100", "write a number from 0 to 100"));
        }
        CorrelationType::Temporal => Measure::Steps { ordered: false },
        CorrelationType::TemporalOrdered => Measure::Steps { ordered: true },
    })
}

fn measured_fields(rule: &CorrelationRule, measure: Measure, fields: Option<&[String]>) -> Result<Vec<String>, Reason> {
    match (measure, fields) {
        (Measure::Events | Measure::Steps { .. }, _) => Ok(Vec::new()),
        (Measure::Values, Some(fields)) => Ok(fields.to_vec()),
        (_, Some([field])) => Ok(vec![field.clone()]),
        _ => Err(Reason::new(
            "condition",
            format!("{} needs one `field` under `condition`", rule.correlation_type.as_str()),
            "name the field whose values are counted or added",
        )),
    }
}

fn operator_of(operator: ConditionOperator) -> Operator {
    match operator {
        ConditionOperator::Lt => Operator::Less,
        ConditionOperator::Lte => Operator::LessEqual,
        ConditionOperator::Gt => Operator::Greater,
        ConditionOperator::Gte => Operator::GreaterEqual,
        ConditionOperator::Eq => Operator::Equal,
        ConditionOperator::Neq => Operator::NotEqual,
    }
}

/// The fields that a detection rule's events are grouped and measured by, aliases applied.
fn leaf(rule: &CorrelationRule, reference: &str, measured: &[String], resolver: &Resolver<'_>) -> Result<Leaf, Reason> {
    let fields = |name: &String| {
        let alias = rule.aliases.iter().find(|alias| alias.alias == *name);
        let name = alias.and_then(|alias| alias.mapping.get(reference)).unwrap_or(name);
        resolver
            .fields(name)
            .ok_or_else(|| Reason::new(name, format!("no room for the field name `{name}`"), "use a shorter name"))
    };
    Ok(Leaf {
        group: rule.group_by.iter().map(fields).collect::<Result<_, _>>()?,
        measured: measured.iter().map(fields).collect::<Result<_, _>>()?,
    })
}
