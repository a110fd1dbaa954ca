//! Comparisons with texts as conditions of the database.

use super::compiled::Compiled;
use crate::domain::condition::{Condition, Test};
use crate::scim::filter::{AttrExp, CompValue, CompareOp};
use crate::scim::path::AttributeRef;
use crate::scim::texts::asked;

/// `None` asks whether there is a value at all.
pub(super) fn text<L>(
    attr: &AttributeRef,
    expression: &AttrExp,
    predicate: impl Fn(Option<(Test, String)>) -> L,
) -> Compiled<L> {
    let present = || Condition::Is(predicate(None));
    match expression {
        AttrExp::Present(_) | AttrExp::Comparison(_, CompareOp::Ne, CompValue::Null) => {
            Compiled::exactly(present())
        }
        AttrExp::Comparison(_, _, CompValue::Null) => Compiled::exactly(Condition::Not(Box::new(present()))),
        AttrExp::Comparison(_, op, CompValue::Text(text)) => {
            let (condition, exact) = any_of(attr, *op, text, |text| predicate(Some((test(*op), text))));
            Compiled { condition, exact }
        }
    }
}

/// What finds all that compare so with a text, in one of the forms in which it may be kept; and whether it finds no others.
pub(super) fn any_of<L>(
    attr: &AttributeRef,
    op: CompareOp,
    text: &str,
    predicate: impl Fn(String) -> L,
) -> (Condition<L>, bool) {
    let (texts, exact) =
        attr.leaf().map_or_else(|| (vec![text.to_owned()], true), |leaf| asked(leaf, op, text));
    (joined(test(op), texts.into_iter().map(|text| Condition::Is(predicate(text))).collect()), exact)
}

/// One of these, or all of what is to differ.
pub(super) fn joined<L>(test: Test, mut all: Vec<Condition<L>>) -> Condition<L> {
    match (all.len(), test) {
        (1, _) => all.remove(0),
        (_, Test::Ne) => Condition::And(all),
        _ => Condition::Or(all),
    }
}

/// Whether what is looked for must stand in the text as it is.
pub(super) fn is_search(op: CompareOp) -> bool {
    matches!(op, CompareOp::Eq | CompareOp::Co | CompareOp::Sw | CompareOp::Ew)
}

pub(super) fn test(op: CompareOp) -> Test {
    match op {
        CompareOp::Eq => Test::Eq,
        CompareOp::Ne => Test::Ne,
        CompareOp::Co => Test::Co,
        CompareOp::Sw => Test::Sw,
        CompareOp::Ew => Test::Ew,
        CompareOp::Gt => Test::Gt,
        CompareOp::Lt => Test::Lt,
        CompareOp::Ge => Test::Ge,
        CompareOp::Le => Test::Le,
    }
}
