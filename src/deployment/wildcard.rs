//! Patterns as load balancers write them: `*` is any characters, `?` is one.

/// Whether a pattern takes the whole of a text, capital or small letters apart.
#[must_use]
pub fn takes(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    loop {
        match (pattern.chars().next(), text.chars().next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                let rest = &pattern[1..];
                let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
                return rest.is_empty() || ends.into_iter().any(|at| takes(rest, &text[at..]));
            }
            (Some('?'), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
        (pattern, text) = (tail(pattern), tail(text));
    }
}

/// The same, capital and small letters being one.
#[must_use]
pub fn takes_any_case(pattern: &str, text: &str) -> bool {
    takes(&pattern.to_lowercase(), &text.to_lowercase())
}

/// All but the first character.
fn tail(text: &str) -> &str {
    let mut rest = text.chars();
    rest.next();
    rest.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_the_whole_text() {
        for (pattern, text) in [
            ("/health", "/health"),
            ("/test/*", "/test/"),
            ("/test/*", "/test/a/b"),
            ("*.ex?mple.com", "a.b.example.com"),
            ("*", ""),
            ("a*b*c", "a-b-b-c"),
        ] {
            assert!(takes(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("/test/*", "/test"),
            ("/health", "/health/"),
            ("/Health", "/health"),
            ("a?c", "ac"),
            ("", "a"),
            ("a*b", "a-b-c"),
        ] {
            assert!(!takes(pattern, text), "{pattern} {text}");
        }
        assert!(takes_any_case("*.Example.com", "SHOP.example.COM"));
    }
}
