//! Systems Manager's parameters, descriptions only: each that is asked for by its name exists,
//! unless that says otherwise: `missing`.

use super::{AwsError, time};
use crate::sandbox::world::{
    World,
    ecs::json::{list, text},
};
use serde_json::{Value, json};

/// DescribeParameters shows at most so many at once.
const PAGE: usize = 50;

/// Answers one operation.
///
/// # Errors
/// `ValidationException` for filters that can't be read.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "DescribeParameters" => describe(world, input),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let mut names = Vec::new();
    for filter in list(input, "ParameterFilters") {
        if text(filter, "Key") != Some("Name") || text(filter, "Option") != Some("Equals") {
            let message = "the sandbox region knows the filter Name with the option Equals only";
            return Err(AwsError::new("InvalidFilterOption", message));
        }
        let values = list(filter, "Values");
        if values.is_empty() || values.len() > PAGE {
            let message = format!(
                "1 validation error detected: Value at 'parameterFilters.1.member.values' failed to \
                 satisfy constraint: Member must have length less than or equal to {PAGE}"
            );
            return Err(AwsError::new("ValidationException", message));
        }
        names.extend(values.iter().filter_map(Value::as_str));
    }
    // A name in folders is whole only with the / before it.
    let is_name =
        |name: &&str| !name.contains("missing") && (name.starts_with('/') || !name.contains('/'));
    let shown = names.into_iter().filter(is_name).map(|name| {
        let path = name.trim_start_matches('/');
        json!({
            "Name": name,
            "ARN": format!(
                "arn:aws:ssm:{}:{}:parameter/{path}",
                world.region, world.account
            ),
            "Type": "SecureString",
            "Version": 1,
            "Tier": "Standard",
            "DataType": "text",
            "LastModifiedDate": time(world.now),
        })
    });
    Ok(json!({ "Parameters": shown.collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn parameters_are_shown_by_name() {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 1);
        let filter = json!([{
            "Key": "Name",
            "Option": "Equals",
            "Values": ["/shop/db", "shop/db", "/shop/missing", "db"],
        }]);
        let ask = json!({ "ParameterFilters": filter });
        let shown = handle(&mut world, "DescribeParameters", &ask).unwrap();
        let names = list(&shown, "Parameters").iter();
        let names: Vec<_> = names.filter_map(|it| text(it, "Name")).collect();
        assert_eq!(names, ["/shop/db", "db"]);
    }
}
