//! What an update does to an item.

use super::expression::{number_of, value_of, written};
use super::parse::Change;
use super::{AwsError, invalid};
use crate::sandbox::world::dynamodb::{Item, Table};

/// `before` with all changes made; each sees the item as it was before the first.
pub(super) fn changed(before: &Item, changes: &[Change], table: &Table) -> Result<Item, AwsError> {
    let mut after = before.clone();
    for change in changes {
        let (Change::Set(name, _) | Change::Remove(name) | Change::Add(name, _)) = change;
        if *name == table.partition_key || Some(name) == table.sort_key.as_ref() {
            return Err(invalid(format!(
                "One or more parameter values were invalid: Cannot update attribute {name}. This \
                 attribute is part of the key"
            )));
        }
        match change {
            Change::Set(name, to) => {
                let value = value_of(to, before)?.ok_or_else(|| {
                    invalid(
                        "The provided expression refers to an attribute that does not exist in \
                         the item",
                    )
                })?;
                after.insert(name.clone(), value);
            }
            Change::Remove(name) => {
                after.remove(name);
            }
            Change::Add(name, more) => {
                let more = value_of(more, before)?;
                let more = number_of(&more.unwrap_or_default())?;
                let sum = match before.get(name) {
                    Some(value) => number_of(value)?.plus(more),
                    None => more,
                };
                after.insert(name.clone(), written(sum));
            }
        }
    }
    Ok(after)
}
