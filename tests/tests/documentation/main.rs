//! The documentation compared with the code, so that it cannot drift.
//!
//! | module | what it compares |
//! |---|---|
//! | [`claims`] | what the README and the book call missing, with each other and with the code |
//! | [`commands`] | the commands that the README, the book and the sources know |
//! | [`errors`] | the codes of errors, with the page that explains them |
//! | [`folders`] | the README's list of folders, with the folders |
//! | [`links`] | links and the book's summary, with the files |
//! | [`promises`] | the promises of the pages on the protocol and on endpoints, with the tests that hold them |
//! | [`sample`] | the README's sample output of the demo, with the code that prints it |
//! | [`verbs`] | the verbs of a machine, with the book's table |

mod claims;
mod commands;
mod errors;
mod files;
mod folders;
mod links;
mod promises;
mod sample;
mod verbs;
