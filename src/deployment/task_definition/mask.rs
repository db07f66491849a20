//! Which values must not be shown. Showing too little is the safe side, so anything whose name or
//! look suggests a secret is taken for one.

/// Parts of names that suggest a secret.
const SECRET_NAMES: [&str; 15] = [
    "PASS",
    "PWD",
    "SECRET",
    "TOKEN",
    "KEY",
    "CREDENTIAL",
    "PRIVATE",
    "AUTH",
    "DSN",
    "SALT",
    "COOKIE",
    "SIGNATURE",
    "WEBHOOK",
    "CONNECTION_STRING",
    "JWT",
];

/// How well-known kinds of secrets begin.
const SECRET_BEGINNINGS: [&str; 12] = [
    "-----BEGIN",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk-",
    "eyJ",
];

/// Whether something of this name is likely a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_uppercase().replace('-', "_");
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Whether this text looks like a secret or has one in it: a URL with a password, a well-known
/// kind of token, `NAME=value` or JSON with a secret's name.
pub fn has_secret(text: &str) -> bool {
    let json = text.trim_start().starts_with(['{', '[']);
    if json && is_secret_name(text) {
        return true;
    }
    let separator = |c: char| c.is_whitespace() || ";,&?'\"".contains(c);
    let mut words = text.split(separator);
    words.any(|word| {
        let begins = SECRET_BEGINNINGS
            .iter()
            .any(|start| word.starts_with(start));
        let assigns = word.split_once(['=', ':']).is_some_and(|(name, value)| {
            is_secret_name(name) && !value.is_empty() && !value.starts_with("//")
        });
        begins || assigns || has_password(word)
    })
}

/// Whether this is a list of arguments with a secret among them, also as `--password VALUE`.
pub(super) fn has_secret_argument<'t>(arguments: impl IntoIterator<Item = &'t str>) -> bool {
    arguments.into_iter().any(|argument| {
        has_secret(argument) || (argument.starts_with('-') && is_secret_name(argument))
    })
}

/// `scheme://user:password@host`, also without a user.
fn has_password(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else {
        return false;
    };
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name() {
        for name in [
            "DB_PASSWORD",
            "db-pass",
            "ApiKey",
            "AWS_SECRET_ACCESS_KEY",
            "authToken",
            "SENTRY_DSN",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["LOG_LEVEL", "PORT", "REGION", "FEATURE_NEW_CART"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn secrets_are_known_by_look() {
        for text in [
            "postgres://shop:hunter2@db:5432/shop",
            "redis://:hunter2@cache",
            "postgres://shop:p@ss/word@db/shop",
            "Server=db;User=shop;Password=hunter2",
            "export DB_PASSWORD=hunter2 && run",
            "https://example.com/?token=hunter2",
            r#"{"password": "hunter2"}"#,
            "-----BEGIN RSA PRIVATE KEY-----",
            "AKIAIOSFODNN7EXAMPLE",
            "Authorization: Bearer eyJhbGciOi",
        ] {
            assert!(has_secret(text), "{text}");
        }
        for text in [
            "https://example.com/path?x=1",
            "postgres://shop@db/shop",
            "info",
            "a=b",
            "10:30",
            "",
        ] {
            assert!(!has_secret(text), "{text}");
        }
        assert!(has_secret_argument(["run", "--password", "hunter2"]));
        assert!(!has_secret_argument(["run", "--port", "80"]));
    }
}
