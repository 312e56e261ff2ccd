/* SPDX-License-Identifier: Apache-2.0 */
/* promc's own metrics: ordinary families that each registry registers for itself. */
#ifndef PROMC_REGISTRY_SELF_H
#define PROMC_REGISTRY_SELF_H

#include <promc/registry.h>

/* At creation, also with no_self_metrics: promc_registry_get_stats() reads the hidden metrics. */
int promc_self_register(promc_registry *registry);
/* Before each scrape, after the collectors. */
void promc_self_update(promc_registry *registry);

#endif
