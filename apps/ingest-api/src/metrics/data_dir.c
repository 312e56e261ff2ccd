/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of the file system of DATA_DIR, which the store (SQLite), the outbox and the bodies of large requests use. */
#include "metrics/internal.h"

#include "base/disk.h"

#include <math.h>

static const char *data_dir; /* NULL: not exported */

void metrics_watch_data_dir(const char *path)
{
    data_dir = path;
}

/* Exports NaN if it cannot be read; the collector then fails (MetricsCollectorFailing). */
static int collect(void *path, uint64_t deadline_ns)
{
    (void)deadline_ns;
    struct disk_room room;
    if (!disk_room(path, &room)) {
        promc_gauge_set(ingest.data_dir_free, NAN);
        promc_gauge_set(ingest.data_dir_size, NAN);
        return PROMC_E_IO;
    }
    promc_gauge_set(ingest.data_dir_free, room.free);
    promc_gauge_set(ingest.data_dir_size, room.size);
    return 0;
}

int metrics_data_dir_register(promc_registry *registry)
{
    return data_dir ? promc_collector_register(registry, "data_dir", collect, (void *)data_dir) : 0;
}
