/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_linked_list.h A type that the API declares but does not use. */
#ifndef PROM_LINKED_LIST_H
#define PROM_LINKED_LIST_H

typedef struct prom_linked_list prom_linked_list_t;

#endif
