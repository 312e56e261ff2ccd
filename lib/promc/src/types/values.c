/* SPDX-License-Identifier: Apache-2.0 */
#include "types/values.h"
#include "base/atomic.h"

#include <math.h>
#include <string.h>

void promc_values_withhold(const struct promc_family_view *family, const struct promc_child *child,
                           struct promc_values *out)
{
    out->integer = 0;
    out->number = 0;
    memset(out->histogram.counts, 0, (family->bound_count + 1) * sizeof(out->histogram.counts[0]));
    out->histogram.total = 0;
    out->histogram.sum = 0;
    for (unsigned i = 0; i < family->quantile_count; i++)
        out->quantiles[i] = (double)NAN;
    const struct promc_native *native = family->native ? promc_child_native(child) : NULL;
    if (!native)
        return;
    out->native.schema = promc_load(&native->schema);
    out->native.zero_threshold = native->zero_threshold;
    out->native.zeros = out->native.total = 0;
    out->native.negative = out->native.count = 0;
}
