//! `bg` deploys a new version of an Amazon ECS service beside the old one, moves traffic to it a
//! step at a time, watches it, and puts everything back by itself when it is worse.

pub mod aws;
pub mod cli;
pub mod config;
pub mod deployment;
pub mod diagnose;
pub mod judge;
pub mod report;
pub mod runner;
pub mod sandbox;
pub mod store;
pub mod strategy;
