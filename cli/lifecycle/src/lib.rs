//! What both `sprig` commands say of the partitions of a box, and of orders to them: the one inside an instance, which sees
//! the control page by the driver, and the host's, which sees it in the memory of an emulated machine.
//!
//! | module | |
//! |---|---|
//! | [`page`] | the control page, mapped out of a file |
//! | [`snapshot`] | what the page says at one moment, as plain values |
//! | [`condition`] | how a partition is, in a word |
//! | [`row`], [`table`], [`show`] | what is said of each partition, for programs and for people, once or again and again |
//! | [`verb`], [`progress`] | what is asked of a partition, whether it needs an order, and how far that is |
//! | [`refusal`] | why an order comes to nothing, in a line |
//! | [`output`] | standard output, whose reader may have gone |

pub mod condition;
pub mod output;
pub mod page;
pub mod progress;
pub mod refusal;
pub mod row;
pub mod show;
pub mod snapshot;
pub mod table;
pub mod verb;
