//! Null pointers, each of which is refused in words.

use std::ffi::CStr;
use std::ptr;

use hosted::{Endpoint, Offload};

use super::support::window;
use crate::error::sprig_vni_last_error;
use crate::exchange::{Frame, sprig_vni_receive, sprig_vni_send};

fn last_error() -> String {
    let error = sprig_vni_last_error();
    assert!(!error.is_null());
    // SAFETY: it is not null, so it is a string of this thread's, which stays until the next function fails.
    unsafe { CStr::from_ptr(error) }.to_str().expect("it is text").to_owned()
}

#[test]
fn a_frame_without_data_is_refused_and_the_others_of_its_burst_with_it() {
    let mut endpoint = Endpoint::open(&window(2), 0).unwrap();
    let mut data = [7; 60];
    let good = Frame { data: data.as_mut_ptr(), room: 60, len: 60, offload: Offload::NONE };
    for (room, len) in [(60, 60), (0, 0)] {
        let mut frames = [good, Frame { data: ptr::null_mut(), room, len, ..good }];
        // SAFETY: the endpoint is nobody else's, and where there is data it is as long as the frame says.
        let sent = unsafe { sprig_vni_send(&raw mut endpoint, 1, 0, frames.as_ptr(), 2, ptr::null_mut()) };
        assert_eq!((sent, last_error().as_str()), (0, "the data of a frame is a null pointer"));
        // SAFETY: as above.
        let came = unsafe { sprig_vni_receive(&raw mut endpoint, 1, 0, frames.as_mut_ptr(), 2) };
        assert_eq!((came, last_error().as_str()), (0, "the data of a frame is a null pointer"));
    }
    assert_eq!(endpoint.counter("tx_ring_frames"), 0);
}
