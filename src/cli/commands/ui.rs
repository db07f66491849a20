//! `bg ui`

use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use crate::cli::args::{Global, UiArgs};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::local_region::wait_for_the_end;
use crate::cli::session::{aws_alone, clock_alone, store_alone};
use crate::cli::who;
use crate::ui::{Look, Token, serve};

pub(super) async fn run(global: &Global, args: &UiArgs) -> Result<ExitCode, CliError> {
    let token = match &args.token {
        Some(text) => Token::of(text).map_err(|why| {
            CliError::usage(format!("the token can't be taken: {why}"))
                .hint("leave it out: `bg ui` makes one up")
        })?,
        None => random()?,
    };
    let (config, store) = store_alone(global).await?;
    let cloud = match args.offline {
        true => None,
        false => aws_alone(global, Some(&config)).await.ok(),
    };
    let clock = match &cloud {
        Some((_, clock)) => *clock,
        None => clock_alone(global).await,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await;
    let listener = listener.map_err(|error| {
        CliError::usage(format!("can't listen on 127.0.0.1:{}", args.port))
            .caused_by(&error)
            .hint("take another port with --port, or a free one with --port 0")
    })?;
    let look = Look::new(store, clock, cloud.map(|(cloud, _)| cloud));
    let who = format!("{} (bg ui)", who::name());
    let server = serve(listener, look, [token.clone(), random()?], who)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    tell!("http://{}/?token={}", server.address(), token.as_str());
    if !global.quiet {
        note!("Open this address in a browser of this machine; Ctrl-C ends it.");
        note!(
            "Prometheus reads http://{}/metrics with `Authorization: Bearer TOKEN`.",
            server.address()
        );
    }
    wait_for_the_end().await;
    Ok(ExitCode::Stands)
}

fn random() -> Result<Token, CliError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        CliError::new(
            ErrorKind::Unexpected,
            format!("this machine has no randomness for a token: {error}"),
        )
    })?;
    Ok(Token::random(bytes))
}
