//! Who may look, and who may ask: a token, a cookie, and a secret in each form. Pure.
//!
//! The port is open to every user and every page in a browser of this machine. The token lets its
//! holder in; the cookie that it is exchanged for is never sent along with another site's request;
//! the host's name is checked, so that no name of somebody else's that leads here is taken; and a
//! form has to bring a secret that only the pages know.

use std::fmt::Write;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};

/// A secret of 128 bits or more, as text without special characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// What is shown of a secret in a log.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// How short a token of the user's own may be: as text it has 4 bits a character at least.
const SHORTEST: usize = 16;

impl Token {
    /// From so many random bytes.
    pub fn random(bytes: [u8; 16]) -> Token {
        let mut text = String::new();
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        Token(text)
    }

    /// The user's own.
    ///
    /// # Errors
    /// In words, where it is too short or can't stand in an address.
    pub fn of(text: &str) -> Result<Token, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        if text.len() < SHORTEST {
            return Err(format!("it is shorter than {SHORTEST} characters"));
        }
        match text.chars().all(plain) {
            true => Ok(Token(text.to_owned())),
            false => Err("it has characters other than letters, digits and -_.~".to_owned()),
        }
    }

    /// For the address that lets somebody in.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether they are the same, in a time that doesn't tell how far they are.
    fn is(&self, other: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), other.as_bytes());
        let differ = own.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
        own.len() == other.len() && differ == 0
    }
}

/// What a request may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pass {
    /// Everything that its method is for.
    In,
    /// It brought the token in its address: it gets the cookie and goes on without.
    Welcome,
    /// Nothing.
    Out(&'static str),
}

/// The door.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    token: Token,
    csrf: Token,
    port: u16,
}

impl Guard {
    pub(super) fn new(token: Token, csrf: Token, port: u16) -> Guard {
        Guard { token, csrf, port }
    }

    /// What a form has to bring.
    pub(super) fn csrf(&self) -> &str {
        self.csrf.as_str()
    }

    /// The cookie's name; another port's page has its own.
    fn cookie(&self) -> String {
        format!("bg-ui-{}", self.port)
    }

    /// The header that gives it to a browser.
    pub(super) fn set_cookie(&self) -> String {
        let (name, token) = (self.cookie(), self.token.as_str());
        format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict")
    }

    /// Whether a request may look.
    pub(super) fn look(&self, headers: &HeaderMap, query: Option<&str>) -> Pass {
        if !self.is_ours(headers) {
            return Pass::Out("this server answers only under its own address");
        }
        if self.has_cookie(headers) || self.has_bearer(headers) {
            return Pass::In;
        }
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let mut tokens = pairs.filter(|(key, _)| key == "token");
        match tokens.any(|(_, value)| self.token.is(&value)) {
            true => Pass::Welcome,
            false => Pass::Out("open the address that `bg ui` printed, with its token"),
        }
    }

    /// Whether a form may ask for something.
    pub(super) fn ask(&self, headers: &HeaderMap, body: &[u8]) -> Pass {
        if !self.is_ours(headers) || !self.has_cookie(headers) {
            return Pass::Out("open the address that `bg ui` printed, with its token");
        }
        let foreign = headers.get(ORIGIN).is_some_and(|origin| {
            let own = self.hosts().map(|host| format!("http://{host}"));
            !own.iter().any(|it| origin.as_bytes() == it.as_bytes())
        });
        let mut pairs = form_urlencoded::parse(body);
        let secret = pairs.any(|(key, value)| key == "csrf" && self.csrf.is(&value));
        match secret && !foreign {
            true => Pass::In,
            false => Pass::Out("load the page anew: its form is not one of this server's"),
        }
    }

    fn hosts(&self) -> [String; 3] {
        ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{}", self.port))
    }

    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST);
        host.is_some_and(|host| {
            self.hosts()
                .iter()
                .any(|it| host.as_bytes() == it.as_bytes())
        })
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie();
        let cookies = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|it| it.to_str().ok());
        let mut pairs = cookies
            .flat_map(|it| it.split(';'))
            .filter_map(|it| it.trim().split_once('='));
        pairs.any(|(key, value)| key == name && self.token.is(value))
    }

    fn has_bearer(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        let token = sent.and_then(|it| it.strip_prefix("Bearer "));
        token.is_some_and(|token| self.token.is(token))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn guard() -> Guard {
        Guard::new(Token::random([1; 16]), Token::random([2; 16]), 4000)
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        pairs.collect()
    }

    fn cookie() -> String {
        let set = guard().set_cookie();
        set.split(';').next().unwrap().to_owned()
    }

    fn csrf() -> String {
        format!("csrf={}", guard().csrf())
    }

    #[test]
    fn the_token_is_exchanged_for_a_cookie() {
        let own = headers(&[(HOST, "127.0.0.1:4000")]);
        assert!(matches!(guard().look(&own, None), Pass::Out(_)));
        assert!(matches!(guard().look(&own, Some("token=01")), Pass::Out(_)));
        let query = format!("token={}", Token::random([1; 16]).as_str());
        assert_eq!(guard().look(&own, Some(&query)), Pass::Welcome);
        let known = headers(&[(HOST, "localhost:4000"), (COOKIE, &cookie())]);
        assert_eq!(guard().look(&known, None), Pass::In);
        let among = format!("a=b; {}; c", cookie());
        let known = headers(&[(HOST, "[::1]:4000"), (COOKIE, &among)]);
        assert_eq!(guard().look(&known, None), Pass::In);
        assert!(guard().set_cookie().contains("HttpOnly; SameSite=Strict"));
    }

    #[test]
    fn a_program_brings_the_token_in_its_header() {
        let bearer = format!("Bearer {}", Token::random([1; 16]).as_str());
        let known = headers(&[(HOST, "127.0.0.1:4000"), (AUTHORIZATION, &bearer)]);
        assert_eq!(guard().look(&known, None), Pass::In);
        // It asks for nothing: `bg pause` and the like are there for programs.
        assert!(matches!(
            guard().ask(&known, csrf().as_bytes()),
            Pass::Out(_)
        ));
    }

    #[test]
    fn a_name_that_somebody_else_gave_this_address_is_not_taken() {
        for host in ["evil.example:4000", "127.0.0.1", "127.0.0.1:80", ""] {
            let named = headers(&[(HOST, host), (COOKIE, &cookie())]);
            assert!(matches!(guard().look(&named, None), Pass::Out(_)), "{host}");
            assert!(
                matches!(guard().ask(&named, csrf().as_bytes()), Pass::Out(_)),
                "{host}"
            );
        }
        assert!(matches!(
            guard().look(&HeaderMap::new(), None),
            Pass::Out(_)
        ));
    }

    #[test]
    fn a_form_needs_the_cookie_the_secret_and_no_foreign_origin() {
        let host = (HOST, "127.0.0.1:4000");
        let cookie = cookie();
        let from = |origin| headers(&[host.clone(), (COOKIE, &cookie), (ORIGIN, origin)]);
        let own = from("http://127.0.0.1:4000");
        assert_eq!(guard().ask(&own, csrf().as_bytes()), Pass::In);
        let without = headers(&[host.clone(), (COOKIE, &cookie)]);
        assert_eq!(guard().ask(&without, csrf().as_bytes()), Pass::In);
        for (headers, body) in [
            (own.clone(), "csrf=wrong".to_owned()),
            (own, String::new()),
            (from("http://evil.example"), csrf()),
            (from("http://localhost:4001"), csrf()),
            (from("null"), csrf()),
            (headers(&[host]), csrf()),
        ] {
            let pass = guard().ask(&headers, body.as_bytes());
            assert!(matches!(pass, Pass::Out(_)), "{headers:?} {body}");
        }
    }

    #[test]
    fn a_token_of_ones_own_is_long_enough_and_plain() {
        assert!(Token::of("abcdefghijklmnop").is_ok());
        assert!(Token::of("short").is_err());
        assert!(Token::of("abcdefghijklmnop;").is_err());
        assert_eq!(format!("{:?}", Token::random([3; 16])), "Token(…)");
    }
}
