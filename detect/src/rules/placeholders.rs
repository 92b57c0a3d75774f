//! Placeholders whose values stand in a register of the tenant: `user.name|expand: '%accounts.user%'`.
//!
//! Registers differ from tenant to tenant and from day to day, while a rule is compiled once for all of them. So the values
//! are not put into the condition: the item becomes "the field is there", and the rule gets an entry of `sekisho.ledger`
//! that asks for a row of that register which holds at the event's time. Both say the same only where the item must
//! hold for the rule to match; below `or`, `not` and `1 of` such a placeholder is refused, with the key to write instead.
//! A name without a dot, or with no register before it, is the placeholder of a field pipeline.

use rsigma_parser::{ConditionExpr, Detection, DetectionItem, Detections, Modifier, Quantifier, SigmaValue};
use yaml_serde::Value;

use crate::ledger::columns;
use crate::sigma::Reason;
use crate::sigma::extension::{Extension, LedgerKey};

/// Moves the placeholders of registers from the detections into `sekisho.ledger`.
pub(super) fn take(detections: &mut Detections, extension: &mut Extension) -> Result<(), Reason> {
    let mut names: Vec<String> = detections.named.keys().cloned().collect();
    // In one order, whatever that of the hash.
    names.sort_unstable();
    for name in names {
        let Some(detection) = detections.named.get_mut(&name) else { continue };
        let must_hold = !detections.conditions.is_empty()
            && detections.conditions.len() == 1
            && detections.conditions.iter().all(|condition| rests_on(condition, &name));
        visit(detection, must_hold, &mut extension.ledger)?;
    }
    Ok(())
}

/// Whether the condition holds only when this detection does.
fn rests_on(condition: &ConditionExpr, name: &str) -> bool {
    match condition {
        ConditionExpr::And(parts) => parts.iter().any(|part| rests_on(part, name)),
        ConditionExpr::Identifier(held) => held == name,
        ConditionExpr::Selector { quantifier: Quantifier::All, pattern } => pattern.matches_detection_name(name),
        ConditionExpr::Or(_) | ConditionExpr::Not(_) | ConditionExpr::Selector { .. } => false,
    }
}

fn visit(detection: &mut Detection, must_hold: bool, keys: &mut Vec<LedgerKey>) -> Result<(), Reason> {
    match detection {
        Detection::AllOf(items) => items.iter_mut().try_for_each(|item| replace(item, must_hold, keys)),
        Detection::And(parts) => parts.iter_mut().try_for_each(|part| visit(part, must_hold, keys)),
        Detection::AnyOf(parts) => {
            let only = parts.len() == 1;
            parts.iter_mut().try_for_each(|part| visit(part, must_hold && only, keys))
        }
        Detection::Keywords(_) | Detection::ArrayMatch { .. } | Detection::Conditional { .. } => Ok(()),
    }
}

fn replace(item: &mut DetectionItem, must_hold: bool, keys: &mut Vec<LedgerKey>) -> Result<(), Reason> {
    if !item.field.modifiers.contains(&Modifier::Expand) {
        return Ok(());
    }
    let Some((register, column)) = item.values.iter().find_map(register_of) else { return Ok(()) };
    let token = format!("%{register}.{column}%");
    let refuse = |message: &str| {
        let advice = format!(
            "write the register under `sekisho: ledger` (name: {register}, key: {{{column}: FIELD}}, is: valid or \
             not_valid), or give each case a rule of its own"
        );
        Err(Reason::new(&token, format!("`{token}`: {message}"), advice))
    };
    let (Some(field), [SigmaValue::String(text)]) = (&item.field.name, item.values.as_slice()) else {
        return refuse("the values of a register stand alone, after a field");
    };
    if text.original != token || item.field.modifiers != [Modifier::Expand] {
        return refuse("the values of a register are compared as a whole, with no other modifier");
    }
    if !must_hold {
        return refuse("the values of a register may stand only where the item must hold for the rule to match");
    }
    keys.push(LedgerKey {
        name: register,
        key: [(column, Value::String(field.clone()))].into(),
        is: "valid".to_owned(),
        if_empty: false,
        wanted: Default::default(),
        unwanted: Default::default(),
        other_than: Default::default(),
    });
    (item.field.modifiers, item.values) = (vec![Modifier::Exists], vec![SigmaValue::Bool(true)]);
    Ok(())
}

/// The register and the column of a value's first placeholder that names one.
fn register_of(value: &SigmaValue) -> Option<(String, String)> {
    let SigmaValue::String(text) = value else { return None };
    let mut names = text.original.split('%').skip(1).step_by(2).filter_map(|name| name.split_once('.'));
    let (register, column) = names.find(|(register, _)| columns(register).is_some())?;
    Some((register.to_owned(), column.to_owned()))
}
