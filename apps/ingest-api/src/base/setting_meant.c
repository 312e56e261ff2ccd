/* SPDX-License-Identifier: Apache-2.0 */
#include "base/setting_meant.h"

#include "base/ascii.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LONGEST 40

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The optimal string alignment distance: letters added, left out, replaced or swapped with their neighbour. */
static unsigned slips(const char *a, size_t n, const char *b, size_t m)
{
    unsigned row[3][LONGEST + 1]; /* the one before the last, the last, this one */
    unsigned *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = before[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            bool same = ascii_lower(a[i - 1]) == ascii_lower(b[j - 1]);
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && ascii_lower(a[i - 1]) == ascii_lower(b[j - 2]) &&
                ascii_lower(a[i - 2]) == ascii_lower(b[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        unsigned *free = before;
        before = last;
        last = now;
        now = free;
    }
    return last[m];
}

unsigned setting_slips(const char *name, const char *setting)
{
    size_t n = strlen(name), m = strlen(setting);
    if (m < 5 || n < 4 || n > LONGEST || m > LONGEST || n > m + 2 || m > n + 2)
        return 0;
    unsigned found = slips(name, n, setting, m);
    return found > (m < 8 ? 1 : 2) ? 0 : found ? found : 1;
}
