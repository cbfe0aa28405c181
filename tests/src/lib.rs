//! What the boxes of `tests/boxes` are made of: box files on real kernels, booted by the `sprig` command's own library,
//! and instances that are asked over their consoles.
//!
//! A box test reads as a sentence about a box. Every wait has a limit and says what it waited for; nothing
//! sleeps, unless the time that passes is itself the fault.

pub mod device;
pub mod disk;
pub mod fixture;
pub mod freezer;
pub mod held_line;
pub mod instance;
pub mod network;
pub mod scene;
pub mod server;
pub mod topology;
pub mod wire;

pub use held_line::HeldLine;
pub use instance::Instance;
pub use scene::Scene;
