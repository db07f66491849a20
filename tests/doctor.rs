//! The diagnosis over a region with broken services: collected through the SDK, in virtual time.
//! Each case breaks one thing, and the first finding must be that thing; healthy ones have none.

#[path = "support/allowed.rs"]
mod allowed;
#[path = "support/bg.rs"]
mod bg;
#[path = "doctor/broken.rs"]
mod broken;
#[path = "doctor/healthy.rs"]
mod healthy;
#[path = "support/iam.rs"]
mod iam;
#[path = "doctor/programs.rs"]
mod programs;
#[path = "doctor/scene.rs"]
mod scene;
#[path = "doctor/surroundings.rs"]
mod surroundings;
#[path = "doctor/table.rs"]
mod table;
