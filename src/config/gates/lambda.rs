//! `lambda`: a function that was made for ECS's lifecycle hooks.

use crate::gate::{Asks, Check, FunctionName, HookDetails, LambdaCheck, Stage};
use crate::strategy::{InputError, Node, Reader, Value};

pub(in crate::config) const LAMBDA_KEYS: [&str; 3] = ["function", "stage", "details"];

/// A name or an ARN, or `{ function, stage, details }`.
pub(super) fn lambda(reader: Reader<'_>, node: &Node) -> Result<Asks, InputError> {
    let check = match &node.value {
        Value::Map(_) => {
            let form = "a function's name or ARN, or { function, stage, details }";
            let fields = reader.fields(node, form, &LAMBDA_KEYS)?;
            let stage = fields.optional("stage");
            let details = fields.optional("details");
            LambdaCheck {
                function: function(reader, fields.required("function")?)?,
                stage: stage.map(|it| self::stage(reader, it)).transpose()?,
                details: details
                    .map(|it| self::details(reader, it))
                    .transpose()?
                    .unwrap_or_default(),
            }
        }
        _ => LambdaCheck {
            function: function(reader, node)?,
            stage: None,
            details: HookDetails::new(),
        },
    };
    Ok(Asks::Check(Check::Lambda(Box::new(check))))
}

fn function(reader: Reader<'_>, node: &Node) -> Result<FunctionName, InputError> {
    let text = reader.name(node, "the name or ARN of a Lambda function")?;
    FunctionName::parse(&text).map_err(|what| {
        let hint = "write shop-smoke, shop-smoke:live, or \
                    arn:aws:lambda:REGION:ACCOUNT:function:shop-smoke";
        reader.error(node.at, what).with_hint(hint)
    })
}

fn stage(reader: Reader<'_>, node: &Node) -> Result<Stage, InputError> {
    let text = reader.name(node, "a stage of ECS's deployments")?;
    Stage::named(&text).ok_or_else(|| {
        let stages = Stage::ALL.map(Stage::as_str).join(", ");
        reader.error(node.at, format!("{text:?} is not one of {stages}"))
    })
}

fn details(reader: Reader<'_>, node: &Node) -> Result<HookDetails, InputError> {
    match node.to_json() {
        serde_json::Value::Object(details) => Ok(details),
        _ => Err(reader.mismatch(
            node,
            "{ KEY: value }, which the function gets as hookDetails",
        )),
    }
}
