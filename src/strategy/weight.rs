//! STUB
use serde::{Deserialize, Serialize};
/// stub
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Weight(u16);
impl Weight {
    /// stub
    pub const ZERO: Weight = Weight(0);
    /// stub
    pub const FULL: Weight = Weight(1000);
    /// stub
    pub fn per_mille(self) -> u16 { self.0 }
    /// stub
    pub fn of_per_mille(v: u16) -> Option<Weight> { (v <= 1000).then_some(Weight(v)) }
}
impl std::fmt::Display for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{}%", f64::from(self.0) / 10.0) }
}
