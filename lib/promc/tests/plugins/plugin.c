/* SPDX-License-Identifier: Apache-2.0 */
/* A module that contains promc. */
#include <promc/promc.h>

__attribute__((visibility("default"))) double plugin_count(void);

double plugin_count(void)
{
    static promc_registry *registry;
    static promc_counter counter;
    promc_family *family;
    if (!registry && (promc_registry_create(&registry, NULL) != 0 ||
                      promc_counter_register(registry, &(promc_family_settings){.name = "calls_total"}, &family) != 0 ||
                      promc_counter_get(family, NULL, &counter) != 0))
        return -1;
    promc_counter_inc(counter);
    return promc_counter_value(counter);
}
