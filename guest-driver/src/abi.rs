//! The functions of `sprig_vni_core.h`, in its order.

#![expect(unsafe_code, reason = "symbols that C links by name")]

/// Size of the memory for a station.
// SAFETY: no other symbol of the module has this name, and the header declares it with this signature.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_station_bytes() -> u64 {
    shmem::HEADER_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_takes_memory() {
        assert!(sprig_station_bytes() > 0);
    }
}
