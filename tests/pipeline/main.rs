//! What pipelines run: the steps of `action.yml` under bash with a runner's environment, the
//! commands of `examples/codebuild/buildspec.yml` in CodeBuild's order, each against a served
//! region; and all of these files by other people's linters.

mod actions;
mod buildspec;
mod cancelled;
mod expression;
mod files;
mod install;
mod linters;
mod oidc;
#[path = "../support/python.rs"]
#[expect(dead_code, reason = "its scripts are of other tests")]
mod python;
mod releases;
mod runner;
#[path = "../e2e/support.rs"]
#[expect(
    dead_code,
    reason = "the scenes of the whole program do more than these"
)]
mod support;
mod text;
