/* base/step_back.h
 * A process that works hard and may wait lets those come first who are waited for. */
#ifndef BASE_STEP_BACK_H
#define BASE_STEP_BACK_H

#include <stdint.h>

/* This process (not others of its group), and its session as far as the kernel shares processors by session: after setsid().
 * nice: 1 to 19, sched(7); a lower one than it has changes nothing. slice_ns: 0, or 100,000 to 100,000,000: how long a slice it
 * asks for (Linux 6.12 and later; others ignore it): who wakes up and asks for less takes the processor from it at once
 * (I. Stoica, H. Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995). What the kernel forbids is left alone. */
void step_back(int nice, int64_t slice_ns);

#endif
