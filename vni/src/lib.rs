//! The protocol of the virtual network card between instances: frames, rings, doorbell and link state.

#![no_std]
#![forbid(unsafe_code)]
