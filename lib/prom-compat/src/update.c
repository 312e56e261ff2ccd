/* SPDX-License-Identifier: Apache-2.0 */
/* Update calls, by labels and by sample. */
#include "prom_internal.h"

int prom_counter_inc(prom_counter_t *self, const char **label_values)
{
    return prom_update(self, PROM_COUNTER, PROM_ADD, 1, label_values);
}

int prom_counter_add(prom_counter_t *self, double r_value, const char **label_values)
{
    return prom_update(self, PROM_COUNTER, PROM_ADD, r_value, label_values);
}

int prom_gauge_inc(prom_gauge_t *self, const char **label_values)
{
    return prom_update(self, PROM_GAUGE, PROM_ADD, 1, label_values);
}

int prom_gauge_dec(prom_gauge_t *self, const char **label_values)
{
    return prom_update(self, PROM_GAUGE, PROM_ADD, -1, label_values);
}

int prom_gauge_add(prom_gauge_t *self, double r_value, const char **label_values)
{
    return prom_update(self, PROM_GAUGE, PROM_ADD, r_value, label_values);
}

int prom_gauge_sub(prom_gauge_t *self, double r_value, const char **label_values)
{
    return prom_update(self, PROM_GAUGE, PROM_ADD, -r_value, label_values);
}

int prom_gauge_set(prom_gauge_t *self, double r_value, const char **label_values)
{
    return prom_update(self, PROM_GAUGE, PROM_SET, r_value, label_values);
}

int prom_histogram_observe(prom_histogram_t *self, double value, const char **label_values)
{
    return prom_update(self, PROM_HISTOGRAM, PROM_OBSERVE, value, label_values);
}

prom_metric_sample_t *prom_metric_sample_from_labels(prom_metric_t *self, const char **label_values)
{
    return self && self->kind != PROM_HISTOGRAM ? prom_sample_of(self, label_values) : NULL;
}

prom_metric_sample_histogram_t *prom_metric_sample_histogram_from_labels(prom_metric_t *self, const char **label_values)
{
    return self && self->kind == PROM_HISTOGRAM ? (prom_metric_sample_histogram_t *)prom_sample_of(self, label_values)
                                                : NULL;
}

int prom_metric_sample_add(prom_metric_sample_t *self, double r_value)
{
    return self ? prom_sample_update(self, PROM_ADD, r_value) : 1;
}

int prom_metric_sample_sub(prom_metric_sample_t *self, double r_value)
{
    return self && self->metric->kind == PROM_GAUGE ? prom_sample_update(self, PROM_ADD, -r_value) : 1;
}

int prom_metric_sample_set(prom_metric_sample_t *self, double r_value)
{
    return self && self->metric->kind == PROM_GAUGE ? prom_sample_update(self, PROM_SET, r_value) : 1;
}

int prom_metric_sample_histogram_observe(prom_metric_sample_histogram_t *self, double value)
{
    return self ? prom_sample_update(&self->sample, PROM_OBSERVE, value) : 1;
}
