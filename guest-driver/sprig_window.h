/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0 */
/* The shared memory window. Printed by the crate shmem, which explains it; do not edit. */
#ifndef SPRIG_WINDOW_H
#define SPRIG_WINDOW_H

#define SPRIG_WINDOW_VERSION         0x3
#define SPRIG_MAX_PARTITIONS         0x20
#define SPRIG_MAX_QUEUES             0x8
#define SPRIG_LINE_PAIR              0x80
#define SPRIG_HEADER_LEN             0x1000
#define SPRIG_HEADER_MAGIC           0x47525053
#define SPRIG_HEADER_MAGIC_AT        0x0
#define SPRIG_HEADER_VERSION_AT      0x4
#define SPRIG_HEADER_FINGERPRINT_AT  0x8
#define SPRIG_HEADER_HEARTBEAT_AT    0x80
#define SPRIG_HEADER_LINKS_AT        0x100
#define SPRIG_HEADER_DOORBELLS_AT    0x200
#define SPRIG_DOORBELL_LEN           0x100
#define SPRIG_DOORBELL_PENDING_AT    0x0
#define SPRIG_DOORBELL_ADDRESS_AT    0x80
#define SPRIG_LANE_LEN               0x1180
#define SPRIG_LANE_ROOM_AT           0x0
#define SPRIG_LANE_CONSUMED_AT       0x80
#define SPRIG_LANE_WAKE_AT           0x100
#define SPRIG_LANE_DESCRIPTORS_AT    0x180
#define SPRIG_RING_SLOTS             0x100
#define SPRIG_DESCRIPTOR_LEN         0x10
#define SPRIG_BUFFER_LEN             0x2000
#define SPRIG_GUARANTEED_BUFFERS     0xc

#endif
