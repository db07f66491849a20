//! Answers in pages.

use super::AwsError;
use serde_json::Value;

/// How an operation pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paging {
    /// Items on a page unless fewer are asked for.
    pub(super) default: usize,
    /// Items on a page at most.
    pub(super) limit: usize,
}

/// The page of `items` that `input` asks for with `maxResults` and `nextToken` (or their
/// PascalCase twins), and the token of the page after it.
pub(super) fn page<T>(
    items: Vec<T>,
    input: &Value,
    paging: Paging,
) -> Result<(Vec<T>, Option<String>), AwsError> {
    let field = |lower: &str, upper: &str| {
        let found = input.get(lower).or_else(|| input.get(upper));
        found.filter(|value| !value.is_null()).cloned()
    };
    let size = field("maxResults", "MaxResults")
        .and_then(|value| value.as_u64())
        .and_then(|value| usize::try_from(value).ok())
        .unwrap_or(paging.default);
    if size == 0 || size > paging.limit {
        return Err(AwsError::invalid_parameter(format!(
            "maxResults must be between 1 and {}.",
            paging.limit
        )));
    }
    let start = match field("nextToken", "NextToken") {
        None => 0,
        Some(token) => token
            .as_str()
            .and_then(|token| token.strip_prefix("page-")?.parse().ok())
            .filter(|start| *start <= items.len())
            .ok_or_else(|| AwsError::invalid_parameter("Invalid token."))?,
    };
    let end = (start + size).min(items.len());
    let next = (end < items.len()).then(|| format!("page-{end}"));
    let shown = items.into_iter().skip(start).take(size).collect();
    Ok((shown, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PAGING: Paging = Paging {
        default: 2,
        limit: 3,
    };

    #[test]
    fn pages_cover_every_item_once() {
        let (first, token) = page(vec![1, 2, 3], &json!({}), PAGING).unwrap();
        let (second, end) = page(vec![1, 2, 3], &json!({"nextToken": token}), PAGING).unwrap();
        assert_eq!((first, second, end), (vec![1, 2], vec![3], None));
    }

    #[test]
    fn a_wrong_token_or_size_is_refused() {
        for input in [json!({"nextToken": "x"}), json!({"maxResults": 4})] {
            let error = page(vec![1], &input, PAGING).unwrap_err();
            assert_eq!(error.code, "InvalidParameterException");
        }
    }
}
