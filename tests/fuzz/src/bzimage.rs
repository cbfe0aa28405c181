//! Kernel images: the setup header, and the zero page that is made of it.

#![no_main]

mod machines;

use libfuzzer_sys::fuzz_target;
use partitioner::bzimage::{BzImage, HEAD_LEN};
use partitioner::plan::plan;
use partitioner::view::InstanceView;

fuzz_target!(|image: &[u8]| {
    let Ok(header) = BzImage::parse(image) else { return };
    let head = &image[..image.len().min(HEAD_LEN)];
    assert_eq!(BzImage::parse_head(head, image.len() as u64).as_ref(), Ok(&header), "its beginning says it all");
    assert!(header.payload.end <= image.len() && !header.payload.is_empty());
    let Some(request) = machines::request(machines::PAIR, image) else { return };
    let Ok(plan) = plan(&machines::machine(0), &request) else { return };
    for partition in &plan.partitions {
        let _ = InstanceView::new(&plan, partition, &header);
    }
});
