/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/* The last step out of a kernel: another map, and a jump. */

#include <linux/linkage.h>

#include <asm/nospec-branch.h>

/* void sprig_jump(u64 map, u64 to): the map has this code where it is, and `to`. Does not come back. */
SYM_FUNC_START(sprig_jump)
	cli
	mov	%rdi, %cr3
	ANNOTATE_RETPOLINE_SAFE
	jmp	*%rsi
	int3
SYM_FUNC_END(sprig_jump)
