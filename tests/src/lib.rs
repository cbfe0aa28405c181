//! The parts of the tests in `tests/boxes`: box files with real kernels, booted in the emulator, and instances that are
//! examined over their consoles.
//!
//! The name of a box test is a sentence about a box. Every wait has a limit, and its error says what it waited for.
//! Nothing sleeps, unless the passing of time is itself the fault.

pub mod archive;
pub mod debugger;
pub mod device;
pub mod disk;
pub mod fixture;
pub mod freezer;
pub mod held_line;
pub mod instance;
pub mod monitor;
pub mod network;
pub mod scene;
pub mod server;
pub mod topology;
pub mod wire;

pub use held_line::HeldLine;
pub use instance::Instance;
pub use scene::Scene;
