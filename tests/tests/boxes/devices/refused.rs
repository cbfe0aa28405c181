//! What no partition can have, and machines on which none can have anything.
